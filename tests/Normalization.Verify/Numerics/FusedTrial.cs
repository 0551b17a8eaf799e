using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>A layer with an activation, a residual, a skip, a scale and a shift; a step allocates nothing.</summary>
internal sealed class FusedTrial<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly NormalizationLayer<T> _layer;
    private readonly Tensor<T> _input;
    private readonly Tensor<T> _output;
    private readonly Tensor<T> _outputGradient;
    private readonly Tensor<T> _inputGradient;
    private readonly ForwardOptions<T> _forward;
    private readonly BackwardOptions<T> _backward;

    public FusedTrial(Geometry geometry, Activation activation)
    {
        _layer = geometry.Create<T>(activation: activation);
        (_input, _output) = (Filled(geometry.Shape, 1), new(geometry.Shape));
        (_outputGradient, _inputGradient) = (Filled(geometry.Shape, 2), new(geometry.Shape));
        if (_layer.Weight is not null)
            Values.Fill(_layer.Weight.Value.Span, 3, center: 1, spread: 0.75);
        _forward = new()
        {
            Residual = Filled(geometry.Shape, 4),
            Sum = new(geometry.Shape),
            Skip = Filled(geometry.Shape, 5),
            Scale = Filled(geometry.Coefficients, 6),
            Shift = Filled(geometry.Coefficients, 7),
        };
        _backward = new()
        {
            SumGradient = Filled(geometry.Shape, 8),
            SkipGradient = new(geometry.Shape),
            ScaleGradient = new(geometry.Coefficients),
            ShiftGradient = new(geometry.Coefficients),
        };
    }

    /// <summary>One training step: forward and backward.</summary>
    public void Step()
    {
        _layer.ZeroGradients();
        _layer.Forward(_input, _output, _forward);
        _layer.Backward(_outputGradient, _inputGradient, _backward);
    }

    /// <summary>Hands every result of a step to a visitor, by name and always in the same order.</summary>
    public void Visit(SpanVisitor<T> visit)
    {
        visit("output", _output.Span);
        visit("sum", _forward.Sum!.Span);
        visit("input gradient", _inputGradient.Span);
        visit("skip gradient", _backward.SkipGradient!.Span);
        visit("scale gradient", _backward.ScaleGradient!.Span);
        visit("shift gradient", _backward.ShiftGradient!.Span);
        foreach (Parameter<T> parameter in _layer.Parameters)
            visit(parameter.Name + " gradient", parameter.Gradient.Span);
    }

    private static Tensor<T> Filled(int[] shape, ulong seed)
    {
        var tensor = new Tensor<T>(shape);
        Values.Fill(tensor.Span, seed, center: 0.25);
        return tensor;
    }
}
