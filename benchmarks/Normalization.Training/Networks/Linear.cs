using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>y = x·Wᵀ + b, for any input whose elements per example are <c>inputs</c> in number; b can be left out.</summary>
internal sealed class Linear(int inputs, int outputs, double standardDeviation, Random random, bool hasBias = true) : ILayer
{
    private readonly Parameter<float> _weight =
        new("weight", Tensor<float>.RandomNormal([outputs, inputs], random.Next(), 0, standardDeviation));
    private readonly Parameter<float> _bias = new("bias", outputs);
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _input;

    public IReadOnlyList<Parameter<float>> Parameters => hasBias ? [_weight, _bias] : [_weight];

    public Tensor<float> Forward(Tensor<float> input)
    {
        _input = input;
        int batch = input.Shape[0];
        Tensor<float> output = _outputs.Get(batch, outputs);
        MatrixProduct.MultiplyByTransposed(input, _weight.Value, output, batch, inputs, outputs);
        for (int n = 0; hasBias && n < batch; n++)
        {
            Span<float> row = output.Span.Slice(n * outputs, outputs);
            TensorPrimitives.Add(row, _bias.Value.Span, row);
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        int batch = outputGradient.Shape[0];
        for (int n = 0; hasBias && n < batch; n++)
            TensorPrimitives.Add(_bias.Gradient.Span, outputGradient.Span.Slice(n * outputs, outputs), _bias.Gradient.Span);

        MatrixProduct.Multiply(outputGradient, _input!, _weight.Gradient, outputs, batch, inputs, transposeA: true, add: true);
        Tensor<float> inputGradient = _inputGradients.Get(_input!.Shape);
        MatrixProduct.Multiply(outputGradient, _weight.Value, inputGradient, batch, outputs, inputs);
        return inputGradient;
    }
}
