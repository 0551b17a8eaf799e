using System.Numerics;

namespace Normalization.Tests;

/// <summary>A sample with directions of x, γ and β, and what a double backward pass gives along them.</summary>
internal sealed class SecondOrderSample<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public const int AllDirections = 7;

    public SecondOrderSample(Case item, int directions = AllDirections, bool isTraining = true, Sample<T>? sample = null)
    {
        Sample = sample ?? new(item);
        NormalizationLayer<T> layer = Sample.Layer;
        layer.Train(isTraining);
        Input = (directions & 1) == 0 ? null : Sample<T>.Normal(item.Shape, 21, 0.3, 1);
        Weight = (directions & 2) == 0 || layer.Weight is null ? null : Sample<T>.Normal(layer.Weight.Value.Shape.ToArray(), 22, 0.1, 1);
        Bias = (directions & 4) == 0 || layer.Bias is null ? null : Sample<T>.Normal(layer.Bias.Value.Shape.ToArray(), 23, 0.1, 1);
        OutputGradientGradient = Sample<T>.Padded(item.Shape);
        InputGradient = Sample<T>.Padded(item.Shape);
        Tangent = Sample<T>.Padded(item.Shape);
    }

    public Sample<T> Sample { get; }

    public NormalizationLayer<T> Layer => Sample.Layer;

    public Tensor<T>? Input { get; }

    public Tensor<T>? Weight { get; }

    public Tensor<T>? Bias { get; }

    public Tensor<T> OutputGradientGradient { get; }

    public Tensor<T> InputGradient { get; }

    public Tensor<T> Tangent { get; }

    public DoubleBackwardOptions<T> Options => new()
    {
        Context = Sample.Context,
        InputGradientGradient = Input,
        WeightGradientGradient = Weight,
        BiasGradientGradient = Bias,
        OutputGradientGradient = OutputGradientGradient,
        InputGradient = InputGradient,
    };

    public TangentOptions<T> Tangents => new() { Context = Sample.Context, InputTangent = Input, WeightTangent = Weight, BiasTangent = Bias };

    /// <summary>Forward, along the directions, and backward through the backward pass, whose gradient of γ begins at zero.</summary>
    public SecondOrderSample<T> Run()
    {
        Layer.Forward(Sample.Input, Sample.Output, Sample.Context);
        Layer.ZeroGradients();
        Layer.ForwardTangent(Tangent, Tangents);
        Layer.DoubleBackward(Sample.OutputGradient, Options);
        return this;
    }

    public long[] Bits() =>
    [
        .. Values.Bits(Tangent),
        .. Values.Bits(OutputGradientGradient),
        .. Values.Bits(InputGradient),
        .. Layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Gradient)),
    ];
}

/// <summary>What forward and backward give at x, dy, γ and β moved along a direction, and the derivatives of this.</summary>
internal sealed class MovedSample(Sample<double> sample)
{
    private readonly double[] _x = sample.Input.Span.ToArray(), _dy = sample.OutputGradient.Span.ToArray();
    private readonly double[] _weight = Values.Doubles(sample.Layer.Weight?.Value), _bias = Values.Doubles(sample.Layer.Bias?.Value);

    /// <summary>y, dx and dγ, one after another.</summary>
    public double[] Derivative(double[]? x, double[]? weight, double[]? bias, double[]? dy = null, double step = 1e-3)
    {
        double[] coarse = Difference(step), middle = Difference(step / 2), fine = Difference(step / 4);
        // Richardson's extrapolation: what is left is of sixth order.
        double[] result = new double[coarse.Length];
        for (int i = 0; i < result.Length; i++)
        {
            double first = ((4 * middle[i]) - coarse[i]) / 3, second = ((4 * fine[i]) - middle[i]) / 3;
            result[i] = ((16 * second) - first) / 15;
        }
        Move(0);
        return result;

        double[] Difference(double h)
        {
            double[] ahead = At(h), behind = At(-h);
            return [.. ahead.Zip(behind, (a, b) => (a - b) / (2 * h))];
        }

        double[] At(double h)
        {
            Move(h);
            sample.Layer.ZeroGradients();
            sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
            sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            return [.. sample.Output.Span, .. sample.InputGradient.Span, .. Values.Doubles(sample.Layer.Weight?.Gradient)];
        }

        void Move(double h)
        {
            Add(_x, x, h, sample.Input);
            Add(_dy, dy, h, sample.OutputGradient);
            Add(_weight, weight, h, sample.Layer.Weight?.Value);
            Add(_bias, bias, h, sample.Layer.Bias?.Value);
        }
    }

    private static void Add(double[] start, double[]? direction, double h, Tensor<double>? target)
    {
        for (int i = 0; i < start.Length; i++)
            target!.Span[i] = start[i] + (direction is null or [] ? 0 : h * direction[i]);
    }
}
