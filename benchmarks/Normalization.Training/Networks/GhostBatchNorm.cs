namespace Normalization.Training.Networks;

/// <summary>BatchNorm whose statistics in training are those of pieces of the batch ("ghost batches"): one layer, used once for each
/// piece through a context of its own. The size of the pieces changes the noise of the statistics and nothing else.</summary>
internal sealed class GhostBatchNorm(int features, int size) : ILayer
{
    private readonly BatchNorm1d<float> _layer = new(features);
    private readonly List<ForwardContext<float>> _contexts = [];
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();

    public IReadOnlyList<Weights> Weights => Networks.Weights.Of(_layer);

    public void Train() => _layer.Train();

    public void Eval() => _layer.Eval();

    public Tensor<float> Forward(Tensor<float> input)
    {
        Tensor<float> output = _outputs.Get(input.Shape);
        if (!_layer.IsTraining)
        {
            _layer.Forward(input, output);
            return output;
        }

        for (int i = 0; i * size < input.Shape[0]; i++)
        {
            if (i == _contexts.Count)
                _contexts.Add(new());

            _layer.Forward(Piece(input, i), Piece(output, i), _contexts[i]);
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        for (int i = 0; i * size < outputGradient.Shape[0]; i++)
            _layer.Backward(Piece(outputGradient, i), Piece(inputGradient, i), _contexts[i]);

        return inputGradient;
    }

    private Tensor<float> Piece(Tensor<float> batch, int index)
    {
        int count = Math.Min(size, batch.Shape[0] - index * size);
        return new Tensor<float>(batch.Memory.Slice(index * size * features, count * features), count, features);
    }
}
