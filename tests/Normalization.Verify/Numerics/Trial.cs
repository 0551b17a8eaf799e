using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>A layer with everything that a training step needs, filled and ready; a step allocates nothing.</summary>
internal sealed class Trial<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public Trial(
        Geometry geometry,
        double epsilon = 1e-5,
        bool affine = true,
        bool track = true,
        Func<int, Memory<T>>? allocate = null,
        int? virtualBatchSize = null)
    {
        allocate ??= static length => new T[length];
        Geometry = geometry;
        Layer = geometry.Create<T>(epsilon, affine, track, virtualBatchSize);
        (Input, Output) = (Allocate(), Allocate());
        (OutputGradient, InputGradient) = (Allocate(), Allocate());
        Values.Fill(Input.Span, 1, center: 0.5);
        Values.Fill(OutputGradient.Span, 2);
        if (Layer.Weight is not null)
            Values.Fill(Layer.Weight.Value.Span, 3, center: 1, spread: 0.75);
        if (Layer.Bias is not null)
            Values.Fill(Layer.Bias.Value.Span, 4, spread: 1);

        Tensor<T> Allocate() => new(allocate(geometry.Length), geometry.Shape);
    }

    public Geometry Geometry { get; }

    public NormalizationLayer<T> Layer { get; }

    public Tensor<T> Input { get; }

    public Tensor<T> Output { get; }

    public Tensor<T> OutputGradient { get; }

    public Tensor<T> InputGradient { get; }

    public RunningStatisticsLayer<T>? Running => Layer as RunningStatisticsLayer<T>;

    public void Forward() => Layer.Forward(Input, Output);

    /// <summary>One training step: forward and backward.</summary>
    public void Step()
    {
        Layer.ZeroGradients();
        Forward();
        Layer.Backward(OutputGradient, InputGradient);
    }

    /// <summary>Hands every result of a step to a visitor, by name and always in the same order.</summary>
    public void Visit(SpanVisitor<T> visit)
    {
        visit("output", Output.Span);
        visit("input gradient", InputGradient.Span);
        foreach (Parameter<T> parameter in Layer.Parameters)
            visit(parameter.Name + " gradient", parameter.Gradient.Span);
        if (Running is { RunningMean: { } mean, RunningVariance: { } variance })
        {
            visit("running mean", mean.Span);
            visit("running variance", variance.Span);
        }
    }
}

internal delegate void SpanVisitor<T>(string name, ReadOnlySpan<T> values);
