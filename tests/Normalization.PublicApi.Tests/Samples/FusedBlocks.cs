using Normalization;

namespace Samples;

/// <summary>A convolution, an attention or a perceptron, whichever: what stands between two norms.</summary>
internal interface ISublayer
{
    void Forward(Tensor<float> input, Tensor<float> output);

    void Backward(Tensor<float> outputGradient, Tensor<float> inputGradient);
}

/// <summary>y = 0.5 · x, so that the blocks can run.</summary>
internal sealed class Half : ISublayer
{
    public void Forward(Tensor<float> input, Tensor<float> output)
    {
        for (int i = 0; i < input.Length; i++)
            output.Span[i] = 0.5f * input.Span[i];
    }

    public void Backward(Tensor<float> outputGradient, Tensor<float> inputGradient) => Forward(outputGradient, inputGradient);
}

// begin-sample transformer-block
/// <summary>Pre-norm: h = x + attention(norm1(x)), y = h + perceptron(norm2(h)), with the sums in the passes of the norms.</summary>
internal sealed class PreNormBlock(int rows, int width, ISublayer attention, ISublayer perceptron)
{
    private readonly LayerNorm<float> _norm1 = new(width), _norm2 = new(width);
    private readonly Tensor<float> _x = new(rows, width), _h = new(rows, width), _normalized = new(rows, width), _dh = new(rows, width);

    /// <summary>The stream is x without the branch of the block before; both become those of this block.</summary>
    public void Forward(Tensor<float> stream, Tensor<float> branch)
    {
        _norm1.Forward(branch, _normalized, new ForwardOptions<float> { Residual = stream, Sum = _x });
        attention.Forward(_normalized, branch);
        _norm2.Forward(branch, _normalized, new ForwardOptions<float> { Residual = _x, Sum = _h });
        perceptron.Forward(_normalized, branch);
        _h.CopyTo(stream);
    }

    /// <summary>The gradient of y = stream + branch becomes that of x, which is the gradient of both.</summary>
    public void Backward(Tensor<float> gradient)
    {
        perceptron.Backward(gradient, _dh);
        _norm2.Backward(_dh, gradient, new BackwardOptions<float> { SumGradient = gradient });
        attention.Backward(gradient, _dh);
        _norm1.Backward(_dh, gradient, new BackwardOptions<float> { SumGradient = gradient });
    }
}
// end-sample

// begin-sample res-net-block
/// <summary>y = relu(norm2(conv2(relu(norm1(conv1(x))))) + x): two passes for two norms, two activations and the shortcut.</summary>
internal sealed class BasicBlock(int channels, int[] shape, ISublayer convolution1, ISublayer convolution2)
{
    private readonly BatchNorm2d<float> _norm1 = new(channels) { Activation = Activation.Relu };
    private readonly BatchNorm2d<float> _norm2 = new(channels) { Activation = Activation.Relu };
    private readonly Tensor<float> _a = new(shape), _b = new(shape), _c = new(shape), _shortcut = new(shape);

    public void Forward(Tensor<float> x, Tensor<float> y)
    {
        convolution1.Forward(x, _a);
        _norm1.Forward(_a, _b);
        convolution2.Forward(_b, _c);
        _norm2.Forward(_c, y, new ForwardOptions<float> { Skip = x });
    }

    public void Backward(Tensor<float> gradient, Tensor<float> xGradient)
    {
        _norm2.Backward(gradient, gradient, new BackwardOptions<float> { SkipGradient = _shortcut });
        convolution2.Backward(gradient, gradient);
        _norm1.Backward(gradient, gradient);
        convolution1.Backward(gradient, xGradient);
        for (int i = 0; i < xGradient.Length; i++)
            xGradient.Span[i] += _shortcut.Span[i];
    }
}
// end-sample

internal static class TransformerBlock
{
    public static void Run()
    {
        Tensor<float> stream = Tensor<float>.RandomNormal([6, 8], seed: 1), branch = Tensor<float>.RandomNormal([6, 8], seed: 2);
        var block = new PreNormBlock(6, 8, new Half(), new Half());
        block.Forward(stream, branch);
        Tensor<float> gradient = Tensor<float>.RandomNormal([6, 8], seed: 3);
        block.Backward(gradient);
        gradient.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
    }
}

internal static class ResNetBlock
{
    public static void Run()
    {
        int[] shape = [2, 3, 4, 4];
        var block = new BasicBlock(3, shape, new Half(), new Half());
        Tensor<float> x = Tensor<float>.RandomNormal(shape, seed: 4), y = new(shape), dx = new(shape);
        block.Forward(x, y);
        y.Span.ToArray().Should().OnlyContain(static value => value >= 0).And.Contain(0);
        block.Backward(Tensor<float>.RandomNormal(shape, seed: 5), dx);
        dx.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
    }
}
