using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>From images [example, pixel] to their rows as tokens, [example · row, pixel of the row].</summary>
internal sealed class RowTokens(int side) : ILayer
{
    public Tensor<float> Forward(Tensor<float> input) => new(input.Memory, input.Shape[0] * side, side);

    public Tensor<float> Backward(Tensor<float> outputGradient) => new(outputGradient.Memory, outputGradient.Shape[0] / side, side * side);
}

/// <summary>Adds to each token a vector that is learned for its place in the sequence.</summary>
internal sealed class Positions(int tokens, int width, Random random) : ILayer
{
    private readonly Parameter<float> _places = new("places", Tensor<float>.RandomNormal([tokens, width], random.Next(), 0, 0.1));
    private readonly Scratch _outputs = new();

    public IReadOnlyList<Parameter<float>> Parameters => [_places];

    public Tensor<float> Forward(Tensor<float> input)
    {
        Tensor<float> output = _outputs.Get(input.Shape);
        for (int start = 0; start < input.Length; start += tokens * width)
            TensorPrimitives.Add(input.Span.Slice(start, tokens * width), _places.Value.Span, output.Span[start..]);

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        for (int start = 0; start < outputGradient.Length; start += tokens * width)
            TensorPrimitives.Add(_places.Gradient.Span, outputGradient.Span.Slice(start, tokens * width), _places.Gradient.Span);

        return outputGradient;
    }
}

/// <summary>The mean over the tokens of each example.</summary>
internal sealed class TokenMean(int tokens) : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();

    public Tensor<float> Forward(Tensor<float> input)
    {
        int width = input.Shape[1];
        Tensor<float> output = _outputs.Get(input.Shape[0] / tokens, width);
        output.Fill(0);
        for (int row = 0; row < input.Shape[0]; row++)
        {
            Span<float> mean = output.Span.Slice(row / tokens * width, width);
            TensorPrimitives.MultiplyAdd(input.Span.Slice(row * width, width), 1f / tokens, mean, mean);
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        int width = outputGradient.Shape[1];
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape[0] * tokens, width);
        for (int row = 0; row < inputGradient.Shape[0]; row++)
        {
            ReadOnlySpan<float> gradient = outputGradient.Span.Slice(row / tokens * width, width);
            TensorPrimitives.Multiply(gradient, 1f / tokens, inputGradient.Span[(row * width)..]);
        }

        return inputGradient;
    }
}
