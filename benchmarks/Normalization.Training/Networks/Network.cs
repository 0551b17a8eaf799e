namespace Normalization.Training.Networks;

/// <summary>Layers one after another, from examples of one shape.</summary>
internal sealed class Network(int[] inputShape, IReadOnlyList<ILayer> layers) : Composite(layers)
{
    /// <summary>The shape of one example.</summary>
    public ReadOnlySpan<int> InputShape => inputShape;

    public IEnumerable<NormalizationLayer<float>> NormalizationLayers => Layers.OfType<Normalized>().Select(layer => layer.Layer);

    /// <summary>The part of the training time that went into normalization layers, up to now.</summary>
    public TimeSpan NormalizationTime => Layers.OfType<Normalized>().Aggregate(TimeSpan.Zero, (sum, layer) => sum + layer.TrainingTime);
}
