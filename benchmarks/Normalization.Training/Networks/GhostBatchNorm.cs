namespace Normalization.Training.Networks;

/// <summary>BatchNorm of [N, C] whose statistics in training are those of pieces of the batch ("ghost batches"): each piece passes through
/// the layer with a context of its own. The size of the pieces changes the noise of the statistics and nothing else.</summary>
internal sealed class GhostBatchNorm(int features, int size)
    : BatchNorm<float>(features, epsilon: 1e-5, momentum: 0.1, affine: true, trackRunningStatistics: true)
{
    private readonly List<ForwardContext<float>> _contexts = [];

    public override void Forward(Tensor<float> input, Tensor<float> output)
    {
        if (!IsTraining)
        {
            base.Forward(input, output);
            return;
        }

        for (int i = 0; i * size < input.Shape[0]; i++)
        {
            if (i == _contexts.Count)
                _contexts.Add(new());

            Forward(Piece(input, i), Piece(output, i), _contexts[i]);
        }
    }

    public override void Backward(Tensor<float> outputGradient, Tensor<float> inputGradient)
    {
        for (int i = 0; i * size < outputGradient.Shape[0]; i++)
            Backward(Piece(outputGradient, i), Piece(inputGradient, i), _contexts[i]);
    }

    /// <summary>So many images of the batch as the size says; the last piece has what is left.</summary>
    private Tensor<float> Piece(Tensor<float> batch, int index)
    {
        int count = Math.Min(size, batch.Shape[0] - index * size);
        return new Tensor<float>(batch.Memory.Slice(index * size * NumFeatures, count * NumFeatures), count, NumFeatures);
    }
}
