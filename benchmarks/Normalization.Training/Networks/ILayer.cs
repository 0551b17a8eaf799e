namespace Normalization.Training.Networks;

/// <summary>One step of a network. The tensors it returns are its own and are reused by the next call.</summary>
internal interface ILayer
{
    IReadOnlyList<Weights> Weights => [];

    Tensor<float> Forward(Tensor<float> input);

    /// <summary>Takes the gradient of the loss by the output of the last forward, adds to the gradients of the weights
    /// and returns the gradient by the input.</summary>
    Tensor<float> Backward(Tensor<float> outputGradient);

    void Train()
    {
    }

    void Eval()
    {
    }
}

/// <summary>Numbers that training changes, and the gradient of the loss by each.</summary>
internal sealed record Weights(Tensor<float> Value, Tensor<float> Gradient)
{
    public static Weights Normal(ReadOnlySpan<int> shape, double standardDeviation, Random random) =>
        new(Tensor<float>.RandomNormal(shape, random.Next(), 0, standardDeviation), new Tensor<float>(shape));

    /// <summary>The parameters of a layer that are not frozen.</summary>
    public static IReadOnlyList<Weights> Of(NormalizationLayer<float> layer) =>
        [.. layer.Parameters.Where(p => p.RequiresGradient).Select(p => new Weights(p.Value, p.Gradient))];

    public static Weights Zero(ReadOnlySpan<int> shape) => new(new Tensor<float>(shape), new Tensor<float>(shape));
}
