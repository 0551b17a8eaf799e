using System.Numerics;

namespace Normalization.Verify.Fuzz;

/// <content>Passes that are done again, as gradient checkpointing does.</content>
internal sealed partial class LayerCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The pass of a context once more, with its input or another one: the same bits, and nothing moves.</summary>
    private void Repeat()
    {
        ForwardContext<T> context = _random.Of(_contexts);
        Pass? pass = _passes.GetValueOrDefault(context);
        bool isSame = pass is not null && _random.Chance(0.7), isReleased = _random.Chance(0.5);
        Tensor<T> input = isSame ? pass!.Input.Clone() : new(_model.Shape(_random)), output = new(input.Shape);
        if (!isSame)
            input.Fill(T.CreateTruncating(0.125));
        if (isReleased)
            context.ReleaseInput();
        if (pass is not null && isReleased)
            _passes[context] = pass with { IsSpan = true };
        Outcome expected = pass is null ? Outcome.Order
            : isSame ? Outcome.Success
            : input.Length == 0 && input.Shape.SequenceEqual(pass.Input.Shape) ? Outcome.Success
            : Outcome.Order | Outcome.Argument;
        LayerSnapshot<T> before = Snapshot();
        string name = $"{Layer.GetType().Name[..^2]}.Forward again";
        context.IsRecomputation = true;
        bool isRefused = expected.Throws(name, () => Layer.Forward(input, output, context));
        context.IsRecomputation = false;
        before.RequireUnchanged(name, isRefused ? "" : "contexts");
        if (isRefused)
            return;
        bool hasSameBits = output.Span.SequenceEqual(pass!.Output) || Array.Exists(pass.Output, T.IsNaN);
        FuzzFailure.Require(hasSameBits, $"{name}: other outputs than the first time");
        _passes[context] = pass with { Input = input, IsSpan = false };
    }
}
