using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>Turns images into sequences of their rows, [time, example, pixel]. The examples of a batch get different lengths, evenly
/// from the longest to the shortest; an image is stretched to its length by linear interpolation between its rows.</summary>
internal sealed class RowSequence(int side) : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private int[] _lengths = [];

    public required int Shortest { get; set; }

    public required int Longest { get; set; }

    /// <summary>The lengths of the sequences of the last batch, longest first.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    public Tensor<float> Forward(Tensor<float> input)
    {
        int batch = input.Shape[0];
        _lengths = [.. Enumerable.Range(0, batch).Select(n => Longest - n * (Longest - Shortest + 1) / batch)];
        Tensor<float> output = _outputs.Get(Longest, batch, side);
        for (int n = 0; n < batch; n++)
        {
            for (int t = 0; t < _lengths[n]; t++)
            {
                (int above, int below, float share) = Rows(n, t);
                Span<float> result = Row(output, t * batch + n);
                TensorPrimitives.Subtract(Row(input, below), Row(input, above), result);
                TensorPrimitives.MultiplyAdd(result, share, Row(input, above), result);
            }
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        int batch = outputGradient.Shape[1];
        Tensor<float> inputGradient = _inputGradients.Get(batch, side * side);
        inputGradient.Fill(0);
        for (int n = 0; n < batch; n++)
        {
            for (int t = 0; t < _lengths[n]; t++)
            {
                (int above, int below, float share) = Rows(n, t);
                Span<float> gradient = Row(outputGradient, t * batch + n);
                TensorPrimitives.MultiplyAdd(gradient, 1 - share, Row(inputGradient, above), Row(inputGradient, above));
                TensorPrimitives.MultiplyAdd(gradient, share, Row(inputGradient, below), Row(inputGradient, below));
            }
        }

        return inputGradient;
    }

    /// <summary>The rows of the batch between which step t of example n lies, and how far it is from the first to the second.</summary>
    private (int Above, int Below, float Share) Rows(int n, int t)
    {
        float position = (side - 1) * (float)t / (_lengths[n] - 1);
        int above = Math.Min((int)position, side - 2);
        return (n * side + above, n * side + above + 1, position - above);
    }

    private Span<float> Row(Tensor<float> tensor, int index) => tensor.Span.Slice(index * side, side);
}
