namespace Normalization.Training.Networks;

/// <summary>The mean of every 2x2 square of pixels.</summary>
internal sealed class AveragePool : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();

    public Tensor<float> Forward(Tensor<float> input)
    {
        (int batch, int channels, int height, int width) = (input.Shape[0], input.Shape[1], input.Shape[2] / 2, input.Shape[3] / 2);
        Tensor<float> output = _outputs.Get(batch, channels, height, width);
        Span<float> x = input.Span;
        Span<float> y = output.Span;
        for (int i = 0; i < y.Length; i++)
        {
            int corner = Corner(i, width);
            y[i] = (x[corner] + x[corner + 1] + x[corner + 2 * width] + x[corner + 2 * width + 1]) / 4;
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        ReadOnlySpan<int> shape = outputGradient.Shape;
        int width = shape[3];
        Tensor<float> inputGradient = _inputGradients.Get(shape[0], shape[1], shape[2] * 2, width * 2);
        Span<float> dy = outputGradient.Span;
        Span<float> dx = inputGradient.Span;
        for (int i = 0; i < dy.Length; i++)
        {
            int corner = Corner(i, width);
            dx[corner] = dx[corner + 1] = dx[corner + 2 * width] = dx[corner + 2 * width + 1] = dy[i] / 4;
        }

        return inputGradient;
    }

    /// <summary>Where the square of output pixel <paramref name="index"/> starts in the input,
    /// whose rows are twice as long and twice as many.</summary>
    private static int Corner(int index, int width) => index / width * 4 * width + index % width * 2;
}
