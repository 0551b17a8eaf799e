using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>y = max(x, 0).</summary>
internal sealed class Relu : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _output;

    public Tensor<float> Forward(Tensor<float> input)
    {
        _output = _outputs.Get(input.Shape);
        TensorPrimitives.Max(input.Span, 0f, _output.Span);
        return _output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        Span<float> y = _output!.Span;
        Span<float> dy = outputGradient.Span;
        Span<float> dx = inputGradient.Span;
        for (int i = 0; i < dx.Length; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;

        return inputGradient;
    }
}

/// <summary>y = 1 / (1 + exp(-x)), whose slope y·(1 - y) is never above 1/4: gradients fade on their way through many of them.</summary>
internal sealed class Sigmoid : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _output;

    public Tensor<float> Forward(Tensor<float> input)
    {
        _output = _outputs.Get(input.Shape);
        TensorPrimitives.Sigmoid(input.Span, _output.Span);
        return _output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        Span<float> y = _output!.Span;
        Span<float> dy = outputGradient.Span;
        Span<float> dx = inputGradient.Span;
        for (int i = 0; i < dx.Length; i++)
            dx[i] = dy[i] * y[i] * (1 - y[i]);

        return inputGradient;
    }
}
