namespace Normalization.Training.Networks;

/// <summary>Changes nothing and shows what went through it last, forward and backward.</summary>
internal sealed class Probe : ILayer
{
    public Tensor<float>? Seen { get; private set; }

    /// <summary>The square root of the sum of squares of the last gradient.</summary>
    public double GradientNorm { get; private set; }

    public Tensor<float> Forward(Tensor<float> input) => Seen = input;

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        double squares = 0;
        foreach (float value in outputGradient.Span)
            squares += (double)value * value;

        GradientNorm = Math.Sqrt(squares);
        return outputGradient;
    }
}
