using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>Layers one after another as one layer.</summary>
internal class Composite(IReadOnlyList<ILayer> layers) : ILayer
{
    public IReadOnlyList<Parameter<float>> Parameters { get; } = [.. layers.SelectMany(layer => layer.Parameters)];

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

/// <summary>y = x + f(x), where f is layers one after another.</summary>
internal sealed class Residual(IReadOnlyList<ILayer> layers) : Composite(layers)
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();

    public override Tensor<float> Forward(Tensor<float> input) => Sum(input, base.Forward(input), _outputs);

    public override Tensor<float> Backward(Tensor<float> outputGradient) =>
        Sum(outputGradient, base.Backward(outputGradient), _inputGradients);

    private static Tensor<float> Sum(Tensor<float> a, Tensor<float> b, Scratch results)
    {
        Tensor<float> sum = results.Get(a.Shape);
        TensorPrimitives.Add(a.Span, b.Span, sum.Span);
        return sum;
    }
}
