namespace Normalization.Training.Networks;

/// <summary>Layers one after another as one layer.</summary>
internal class Composite(IReadOnlyList<ILayer> layers) : ILayer
{
    public virtual IReadOnlyList<Parameter<float>> Parameters { get; } = [.. layers.SelectMany(layer => layer.Parameters)];

    protected IReadOnlyList<ILayer> Layers { get; } = layers;

    public void Train()
    {
        foreach (ILayer layer in Layers)
            layer.Train();
    }

    public void Eval()
    {
        foreach (ILayer layer in Layers)
            layer.Eval();
    }

    public virtual Tensor<float> Forward(Tensor<float> input)
    {
        foreach (ILayer layer in Layers)
            input = layer.Forward(input);

        return input;
    }

    public virtual Tensor<float> Backward(Tensor<float> outputGradient)
    {
        for (int i = Layers.Count - 1; i >= 0; i--)
            outputGradient = Layers[i].Backward(outputGradient);

        return outputGradient;
    }
}
