using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>The parts of a batch through one BatchNorm, with wrong calls in between, and virtual batches beside one pass for each.</summary>
internal sealed class PartsCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly BatchNorm1d<T> _layer;
    private readonly MicroBatches<T> _batch;
    private readonly List<Part> _parts = [];

    private PartsCase(FuzzRandom random)
    {
        _random = random;
        _layer = new(1 + random.Below(6), momentum: 1);
        _batch = new(_layer);
        int positions = 1 + random.Below(4);
        for (int i = 1 + random.Below(4); i >= 0; i--)
            _parts.Add(new(new Tensor<T>(random.Below(6), _layer.NumFeatures, positions), random, _batch));
    }

    /// <summary>How many values each channel has in all parts.</summary>
    private int Elements => _parts.Sum(static part => part.Elements);

    public static void Run(FuzzRandom random)
    {
        var @case = new PartsCase<T>(random);
        if (@case.Elements < 2)
            return;
        if (random.Chance(0.3))
            @case.RunPieces();
        else
            @case.RunParts();
    }

    private void RunParts()
    {
        Part any = _random.Of(_parts.ToArray());
        Wrong("Forward before Observe", () => _layer.Forward(any.Input, any.Output, any.Context));
        foreach (Part part in _parts)
        {
            Wrong("ObserveGradient before Forward", () => _batch.ObserveGradient(any.OutputGradient, any.Context));
            _batch.Observe(part.Input);
        }
        foreach (Part part in _parts)
        {
            Wrong("ObserveGradient before Forward", () => _batch.ObserveGradient(part.OutputGradient, part.Context));
            _layer.Forward(part.Input, part.Output, part.Context);
        }
        Part full = _parts.First(static part => part.Elements > 0);
        foreach (Part part in _parts.OrderBy(static part => part.Elements))
        {
            Wrong("Backward before ObserveGradient", () => _layer.Backward(any.OutputGradient, any.InputGradient, any.Context));
            Wrong("Forward again", () => _layer.Forward(full.Input, full.Output, full.Context));
            _batch.ObserveGradient(part.OutputGradient, part.Context);
        }
        foreach (Part part in _parts)
        {
            Wrong("ObserveGradient again", () => _batch.ObserveGradient(full.OutputGradient, full.Context));
            _layer.Backward(part.OutputGradient, part.InputGradient, part.Context);
        }
        Geometry geometry = Geometry.Batch(_parts.Sum(static part => part.Input.Shape[0]), _layer.NumFeatures, any.Input.Shape[2]);
        double[] x = All(static part => part.Input), dy = All(static part => part.OutputGradient);
        Reference exact = Reference.OfInput(geometry, x, _layer.Epsilon);
        T[] y = [.. All(static part => part.Output).Select(T.CreateTruncating)];
        T[] dx = [.. All(static part => part.InputGradient).Select(T.CreateTruncating)];
        ResultJudge.RequireOutput("parts", exact, geometry, x, null, null, y.AsSpan());
        ResultJudge.RequireGradients(
            "parts", exact, geometry, dy, null, dx, Values.ToDoubles<T>(_layer.Weight!.Gradient.Span), Values.ToDoubles<T>(_layer.Bias!.Gradient.Span));
        FuzzFailure.Require(_layer.BatchesTracked == 1, "parts: counted more than once");
    }

    private void RunPieces()
    {
        Part part = _parts.MaxBy(static part => part.Elements)!;
        int size = 1 + _random.Below(4), n = part.Input.Shape[0], pieces = Math.Max(1, n / size), sample = part.Input.Length / n;
        BatchNorm1d<T> layer = new(_layer.NumFeatures) { VirtualBatchSize = size }, turns = new(_layer.NumFeatures);
        bool isRight = (pieces == 1 ? n : size) * part.Input.Shape[2] > 1;
        if ((isRight ? Outcome.Success : Outcome.Argument).Throws("virtual batches", () => layer.Forward(part.Input, part.Output)))
            return;
        for (int i = 0; i < pieces; i++)
        {
            int count = i + 1 < pieces ? size : n - (i * size);
            Tensor<T> piece = new(part.Input.Memory.Slice(i * size * sample, count * sample), [count, .. part.Input.Shape[1..]]);
            bool isSame = turns.Forward(piece).Span.SequenceEqual(part.Output.Span.Slice(i * size * sample, count * sample));
            FuzzFailure.Require(isSame, "virtual batches: other outputs than those of the pieces");
        }
        FuzzFailure.Require(layer.BatchesTracked == pieces, "virtual batches: a wrong count");
        FuzzFailure.Require(
            layer.RunningVariance!.Span.SequenceEqual(turns.RunningVariance!.Span), "virtual batches: other running statistics");
    }

    /// <summary>Makes a call that has to be refused, now and then, and looks at what it could have changed.</summary>
    private void Wrong(string name, Action call)
    {
        if (!_random.Chance(0.3))
            return;
        (long batches, double[] outputs, double[] gradients) = (_layer.BatchesTracked, All(static part => part.Output), Gradients());
        Outcome.Order.Throws(name, call);
        bool isSame = _layer.BatchesTracked == batches && All(static part => part.Output).SequenceEqual(outputs) && Gradients().SequenceEqual(gradients);
        FuzzFailure.Require(isSame, $"{name} changed something");
    }

    private double[] Gradients() =>
        [.. All(static part => part.InputGradient), .. _layer.Parameters.SelectMany(static parameter => Values.ToDoubles<T>(parameter.Gradient.Span))];

    private double[] All(Func<Part, Tensor<T>> tensor) => [.. _parts.SelectMany(part => Values.ToDoubles<T>(tensor(part).Span))];

    private sealed class Part
    {
        public Part(Tensor<T> input, FuzzRandom random, MicroBatches<T> batch)
        {
            (Input, OutputGradient) = (input, input.Clone());
            Values.Fill(Input.Span, (ulong)random.Below(1000), center: 3);
            Values.Fill(OutputGradient.Span, (ulong)random.Below(1000));
            (Output, InputGradient) = (new(input.Shape), new(input.Shape));
            Context.MicroBatches = batch;
        }

        public Tensor<T> Input { get; }

        public Tensor<T> OutputGradient { get; }

        public Tensor<T> Output { get; }

        public Tensor<T> InputGradient { get; }

        public ForwardContext<T> Context { get; } = new();

        /// <summary>Gets how many values each channel has.</summary>
        public int Elements => Input.Shape[0] * Input.Shape[2];
    }
}
