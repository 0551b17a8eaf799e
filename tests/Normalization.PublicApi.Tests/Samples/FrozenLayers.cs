using Normalization;

namespace Samples;

internal static class FrozenLayers
{
    public static void Run()
    {
        var input = Tensor<float>.RandomNormal([2, 3, 4, 4], seed: 1);
        var outputGradient = Tensor<float>.Full([2, 3, 4, 4], 1);
        // begin-sample frozen-layers
        var norm = new BatchNorm2d<float>(3);

        // The statistics stay: training uses the running ones, as evaluation does, and goes backward through them.
        norm.UseRunningStatistics = true;

        // γ stays: backward passes leave its gradient alone.
        norm.Weight!.RequiresGradient = false;

        norm.Forward(input);
        norm.Backward(outputGradient);
        foreach (Parameter<float> parameter in norm.Parameters.Where(static parameter => parameter.RequiresGradient))
        {
            for (int i = 0; i < parameter.Value.Length; i++)
                parameter.Value.Span[i] -= 0.1f * parameter.Gradient.Span[i];
        }
        // end-sample
        norm.BatchesTracked.Should().Be(0);
        norm.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        norm.Bias!.Value.Span.ToArray().Should().OnlyContain(static value => value == -0.1f * 32);
    }
}
