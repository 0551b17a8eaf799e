using Normalization;

namespace Samples;

internal static class BackwardThroughEvaluation
{
    public static void Run()
    {
        var input = Tensor<float>.RandomNormal([2, 3, 4, 4], seed: 1);
        var output = new Tensor<float>(2, 3, 4, 4);
        var outputGradient = Tensor<float>.Full([2, 3, 4, 4], 1);
        var inputGradient = new Tensor<float>(2, 3, 4, 4);
        var norm = new BatchNorm2d<float>(3);
        // begin-sample backward-through-evaluation
        var context = new ForwardContext<float>();
        norm.Eval();
        norm.Forward(input, output, context);
        norm.Backward(outputGradient, inputGradient, context);
        // end-sample
        inputGradient.Span.ToArray().Should().OnlyContain(static value => Math.Abs(value - 1) < 1e-5f);
    }
}
