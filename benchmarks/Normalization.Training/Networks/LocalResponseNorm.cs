namespace Normalization.Training.Networks;

/// <summary>Local response normalization of AlexNet: y = x / dᵇ with d = k + α/n · Σ x² over n neighboring channels at the same
/// pixel.</summary>
internal sealed class LocalResponseNorm : ILayer
{
    private const int Neighbors = 5;
    private const float K = 2, Alpha = 5e-4f, Beta = 0.75f;

    private readonly Scratch _outputs = new();
    private readonly Scratch _divisors = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _input;
    private Tensor<float>? _divisor;

    public Tensor<float> Forward(Tensor<float> input)
    {
        (_input, _divisor) = (input, _divisors.Get(input.Shape));
        Tensor<float> output = _outputs.Get(input.Shape);
        Span<float> x = input.Span, d = _divisor.Span, y = output.Span;
        SumOverNeighbors(x, x, input.Shape, d);
        for (int i = 0; i < x.Length; i++)
        {
            d[i] = K + Alpha / Neighbors * d[i];
            y[i] = x[i] / Power(d[i]);
        }

        return output;
    }

    /// <summary>dx = dy/dᵇ - 2αb/n · x · Σ dy·x/dᵇ⁺¹ over the neighbors.</summary>
    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        Span<float> x = _input!.Span, d = _divisor!.Span, dy = outputGradient.Span, dx = inputGradient.Span;
        var shares = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
            shares[i] = dy[i] / (Power(d[i]) * d[i]);

        SumOverNeighbors(shares, x, outputGradient.Shape, dx);
        for (int i = 0; i < x.Length; i++)
            dx[i] = dy[i] / Power(d[i]) - 2 * Alpha * Beta / Neighbors * x[i] * dx[i];

        return inputGradient;
    }

    /// <summary>d^0.75 by two roots, which are exact to the last place on every machine.</summary>
    private static float Power(float d)
    {
        float root = MathF.Sqrt(d);
        return root * MathF.Sqrt(root);
    }

    /// <summary>Writes Σ a·b over the neighboring channels of [batch, channel, height, width].</summary>
    private static void SumOverNeighbors(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<int> shape, Span<float> sums)
    {
        (int channels, int area) = (shape[1], shape[2] * shape[3]);
        for (int i = 0; i < sums.Length; i++)
        {
            int channel = i / area % channels;
            float sum = 0;
            for (int c = Math.Max(0, channel - Neighbors / 2); c <= Math.Min(channels - 1, channel + Neighbors / 2); c++)
            {
                int other = i + (c - channel) * area;
                sum += a[other] * b[other];
            }

            sums[i] = sum;
        }
    }
}
