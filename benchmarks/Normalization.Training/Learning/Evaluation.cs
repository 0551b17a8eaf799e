using Normalization.Training.Data;
using Normalization.Training.Networks;

namespace Normalization.Training.Learning;

/// <summary>Tests a network in evaluation mode, and leaves it in training mode.</summary>
internal sealed class Evaluation(ImageSet images, ReadOnlySpan<int> exampleShape)
{
    private const int BatchSize = 128;

    private readonly Batches _batches = new(images, exampleShape, BatchSize);

    /// <summary>The share of the images that the network recognises. Where its outputs are not numbers, it recognises none.</summary>
    public static double Accuracy(Network network, ImageSet images) => new Evaluation(images, network.InputShape).Accuracy(network);

    public double Accuracy(Network network)
    {
        network.Eval();
        int right = 0;
        foreach (Batch batch in _batches.InOrder())
            right += SoftmaxCrossEntropy.CountRight(network.Forward(batch.Images), batch.Labels);

        network.Train();
        return (double)right / _batches.ExampleCount;
    }
}
