namespace Normalization.Training.Networks;

/// <summary>Layers one after another.</summary>
internal sealed class Network(int[] inputShape, IReadOnlyList<ILayer> layers)
{
    /// <summary>The shape of one example.</summary>
    public ReadOnlySpan<int> InputShape => inputShape;

    public IReadOnlyList<Weights> Weights { get; } = [.. layers.SelectMany(layer => layer.Weights)];

    public IEnumerable<NormalizationLayer<float>> NormalizationLayers => layers.OfType<Normalized>().Select(layer => layer.Layer);

    /// <summary>The part of the training time that went into normalization layers, up to now.</summary>
    public TimeSpan NormalizationTime => layers.OfType<Normalized>().Aggregate(TimeSpan.Zero, (sum, layer) => sum + layer.TrainingTime);

    public Tensor<float> Forward(Tensor<float> input)
    {
        foreach (ILayer layer in layers)
            input = layer.Forward(input);

        return input;
    }

    public void Backward(Tensor<float> outputGradient)
    {
        for (int i = layers.Count - 1; i >= 0; i--)
            outputGradient = layers[i].Backward(outputGradient);
    }

    public void Train()
    {
        foreach (ILayer layer in layers)
            layer.Train();
    }

    public void Eval()
    {
        foreach (ILayer layer in layers)
            layer.Eval();
    }
}
