using Normalization;

namespace Samples;

internal static class Checkpointing
{
    public static void Run()
    {
        var input = Tensor<float>.RandomNormal([8, 16, 14, 14], seed: 1);
        var outputGradient = Tensor<float>.RandomNormal(input.Shape, seed: 2);
        Tensor<float> output = new(input.Shape), inputGradient = new(input.Shape);
        var norm = new BatchNorm2d<float>(16);
        // begin-sample checkpointing
        var context = new ForwardContext<float>();
        norm.Forward(input, output, context);
        context.ReleaseInput();  // the statistics stay, the input can go

        // Later, before the backward pass: compute the input once more, and then the output.
        context.IsRecomputation = true;
        norm.Forward(input, output, context);
        norm.Backward(outputGradient, inputGradient, context);
        context.IsRecomputation = false;
        // end-sample
        norm.BatchesTracked.Should().Be(1);
    }
}
