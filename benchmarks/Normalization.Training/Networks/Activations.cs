using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>An elementwise function whose slope follows from its output, which is all that it has to keep.</summary>
internal abstract class Elementwise : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _output;

    public Tensor<float> Forward(Tensor<float> input)
    {
        _output = _outputs.Get(input.Shape);
        Apply(input.Span, _output.Span);
        return _output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        ApplySlope(_output!.Span, outputGradient.Span, inputGradient.Span);
        return inputGradient;
    }

    protected abstract void Apply(ReadOnlySpan<float> x, Span<float> y);

    protected abstract void ApplySlope(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx);
}

/// <summary>y = max(x, 0).</summary>
internal sealed class Relu : Elementwise
{
    protected override void Apply(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Max(x, 0f, y);

    protected override void ApplySlope(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;
    }
}

/// <summary>y = 1 / (1 + exp(-x)), whose slope y·(1 - y) is never above 1/4: gradients fade on their way through many of them.</summary>
internal sealed class Sigmoid : Elementwise
{
    protected override void Apply(ReadOnlySpan<float> x, Span<float> y) => Elementary.Sigmoid(x, y);

    protected override void ApplySlope(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
            dx[i] = dy[i] * y[i] * (1 - y[i]);
    }
}

/// <summary>y = tanh(x), whose slope is 1 - y².</summary>
internal sealed class Tanh : Elementwise
{
    protected override void Apply(ReadOnlySpan<float> x, Span<float> y) => Elementary.Tanh(x, y);

    protected override void ApplySlope(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++)
            dx[i] = dy[i] * (1 - y[i] * y[i]);
    }
}
