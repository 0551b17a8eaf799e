using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>In training sets a random share of the elements to 0 and scales the others up by what is missing; in evaluation does
/// nothing.</summary>
internal sealed class Dropout(double share, Random random) : ILayer
{
    private readonly Scratch _factors = new();
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private bool _isTraining = true;
    private Tensor<float>? _factor;

    public void Train() => _isTraining = true;

    public void Eval() => _isTraining = false;

    public Tensor<float> Forward(Tensor<float> input)
    {
        if (!_isTraining)
            return input;

        _factor = _factors.Get(input.Shape);
        float kept = (float)(1 / (1 - share));
        foreach (ref float factor in _factor.Span)
            factor = random.NextDouble() < share ? 0 : kept;

        return Product(input, _outputs);
    }

    public Tensor<float> Backward(Tensor<float> outputGradient) => Product(outputGradient, _inputGradients);

    private Tensor<float> Product(Tensor<float> tensor, Scratch results)
    {
        Tensor<float> result = results.Get(tensor.Shape);
        TensorPrimitives.Multiply(tensor.Span, _factor!.Span, result.Span);
        return result;
    }
}
