using Normalization;

namespace Samples;

internal static class FineTuning
{
    public static void Run()
    {
        var norm = new BatchNorm2d<float>(3);
        var images = Tensor<float>.RandomNormal([2, 3, 4, 4], seed: 1);
        // begin-sample fine-tuning
        norm.UseRunningStatistics = true;
        norm.Weight!.RequiresGradient = false;
        // end-sample
        norm.Backward(norm.Forward(images));
        norm.BatchesTracked.Should().Be(0);
        norm.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        norm.Bias!.Gradient.Span.ToArray().Should().OnlyContain(static value => value != 0);
    }
}
