using Normalization;

namespace Samples;

internal static class SharedWeights
{
    public static void Run()
    {
        // begin-sample shared-weights
        var norm = new LayerNorm<float>(16);
        var steps = new (Tensor<float> Input, Tensor<float> Output, ForwardContext<float> Context)[3];
        for (int t = 0; t < steps.Length; t++)
        {
            steps[t] = (Tensor<float>.RandomNormal([4, 16], seed: t), new(4, 16), new());
            norm.Forward(steps[t].Input, steps[t].Output, steps[t].Context);
        }

        // γ and β gain the gradients of all three uses.
        var gradient = Tensor<float>.Full([4, 16], 1);
        for (int t = steps.Length - 1; t >= 0; t--)
            norm.Backward(gradient, gradient, steps[t].Context);
        // end-sample
        norm.Bias!.Gradient.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value) && value != 0);
    }
}
