namespace Normalization.Training.Networks;

/// <summary>One step of a network. The tensors it returns are its own and are reused by the next call.</summary>
internal interface ILayer
{
    IReadOnlyList<Parameter<float>> Parameters => [];

    Tensor<float> Forward(Tensor<float> input);

    /// <summary>Takes the gradient of the loss by the output of the last forward, adds to the gradients of the parameters
    /// and returns the gradient by the input.</summary>
    Tensor<float> Backward(Tensor<float> outputGradient);

    void Train()
    {
    }

    void Eval()
    {
    }
}
