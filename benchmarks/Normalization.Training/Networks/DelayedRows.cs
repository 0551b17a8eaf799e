namespace Normalization.Training.Networks;

/// <summary>Turns images into sequences, [time, example, pixel]: so many empty rows, and then the rows of the image. The examples of a
/// batch get different delays, evenly from the longest to the shortest, so sequences stand longest first.</summary>
internal sealed class DelayedRows(int side) : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private int[] _lengths = [];

    public required int ShortestDelay { get; set; }

    public required int LongestDelay { get; set; }

    /// <summary>The lengths of the sequences of the last batch, longest first.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    public Tensor<float> Forward(Tensor<float> input)
    {
        int batch = input.Shape[0];
        _lengths = [.. Enumerable.Range(0, batch).Select(n => side + LongestDelay - n * (LongestDelay - ShortestDelay + 1) / batch)];
        Tensor<float> output = _outputs.Get(side + LongestDelay, batch, side);
        output.Fill(0);
        for (int n = 0; n < batch; n++)
        {
            for (int row = 0; row < side; row++)
                Row(input, n * side + row).CopyTo(Row(output, Place(n, row, batch)));
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        int batch = outputGradient.Shape[1];
        Tensor<float> inputGradient = _inputGradients.Get(batch, side * side);
        for (int n = 0; n < batch; n++)
        {
            for (int row = 0; row < side; row++)
                Row(outputGradient, Place(n, row, batch)).CopyTo(Row(inputGradient, n * side + row));
        }

        return inputGradient;
    }

    /// <summary>Where a row of example n stands among all rows of the sequences.</summary>
    private int Place(int n, int row, int batch) => (_lengths[n] - side + row) * batch + n;

    private Span<float> Row(Tensor<float> tensor, int index) => tensor.Span.Slice(index * side, side);
}
