using Normalization;

namespace Samples;

internal static class TensorSpans
{
    public static void Run()
    {
        System.Numerics.Tensors.ReadOnlyTensorSpan<float> outputGradient = Tensor<float>.Full([4, 16], 1);
        // begin-sample tensor-spans
        var norm = new LayerNorm<float>(16);
        var x = System.Numerics.Tensors.Tensor.CreateFromShape<float>([4, 16]);
        var y = System.Numerics.Tensors.Tensor.CreateFromShape<float>([4, 16]);

        // Training: the context keeps the statistics, and backward is given the input again.
        var context = new ForwardContext<float>();
        norm.Forward(x, y, context);
        norm.Backward(x, outputGradient, inputGradient: y, context);

        // Evaluation, in place.
        norm.Eval();
        norm.Forward(x, x);
        // end-sample
        norm.Bias!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 4);
    }
}
