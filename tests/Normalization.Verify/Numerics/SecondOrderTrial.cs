using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>A layer that goes along tangents and backward through its backward pass, in either mode; a step allocates nothing.</summary>
internal sealed class SecondOrderTrial<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ForwardContext<T> _context = new();
    private readonly NormalizationLayer<T> _layer;
    private readonly Tensor<T> _input;
    private readonly Tensor<T> _output;
    private readonly Tensor<T> _outputGradient;
    private readonly Tensor<T> _tangent;
    private readonly DoubleBackwardOptions<T> _options;

    public SecondOrderTrial(Geometry geometry, bool affine = true)
    {
        _layer = geometry.Create<T>(affine: affine);
        (_input, _output) = (Filled(geometry.Shape, 1), new(geometry.Shape));
        (_outputGradient, _tangent) = (Filled(geometry.Shape, 2), new(geometry.Shape));
        if (_layer.Weight is not null)
            Values.Fill(_layer.Weight.Value.Span, 3, center: 1, spread: 0.75);
        _options = new()
        {
            Context = _context,
            InputGradientGradient = Filled(geometry.Shape, 4),
            WeightGradientGradient = _layer.Weight is null ? null : Filled(_layer.Weight.Value.Shape, 5),
            BiasGradientGradient = _layer.Bias is null ? null : Filled(_layer.Bias.Value.Shape, 6),
            OutputGradientGradient = new(geometry.Shape),
            InputGradient = new(geometry.Shape),
        };
    }

    public void Step(bool isTraining)
    {
        _layer.Train(isTraining);
        _layer.ZeroGradients();
        _layer.Forward(_input, _output, _context);
        _layer.ForwardTangent(_tangent, new()
        {
            Context = _context,
            InputTangent = _options.InputGradientGradient,
            WeightTangent = _options.WeightGradientGradient,
        });
        _layer.DoubleBackward(_outputGradient, _options);
    }

    /// <summary>Hands every result of a step to a visitor, by name and always in the same order.</summary>
    public void Visit(SpanVisitor<T> visit)
    {
        visit("tangent", _tangent.Span);
        visit("gradient of the output gradient", _options.OutputGradientGradient!.Span);
        visit("input gradient", _options.InputGradient!.Span);
        foreach (Parameter<T> parameter in _layer.Parameters)
            visit(parameter.Name + " gradient", parameter.Gradient.Span);
    }

    private static Tensor<T> Filled(ReadOnlySpan<int> shape, ulong seed)
    {
        var tensor = new Tensor<T>(shape);
        Values.Fill(tensor.Span, seed, center: 0.25);
        return tensor;
    }
}
