using Normalization;

namespace Samples;

internal static class TrainingStep
{
    public static void Run()
    {
        // begin-sample training-step
        var x = Tensor<float>.RandomNormal([64, 4], seed: 1, mean: 5, standardDeviation: 3);
        var norm = new BatchNorm1d<float>(4);

        // The layer learns to undo itself: γ becomes the standard deviation of x, and β its mean.
        for (int step = 0; step <= 20; step++)
        {
            Tensor<float> y = norm.Forward(x), gradient = new(x.Shape);
            float loss = 0;
            for (int i = 0; i < x.Length; i++)
            {
                float error = y.Span[i] - x.Span[i];
                loss += error * error / x.Length;
                gradient.Span[i] = 2 * error / x.Length;
            }
            norm.ZeroGradients();
            norm.Backward(gradient);
            foreach (Parameter<float> parameter in norm.Parameters)
            {
                for (int i = 0; i < parameter.Value.Length; i++)
                    parameter.Value.Span[i] -= 0.5f * parameter.Gradient.Span[i];
            }
            if (step % 10 == 0)
                Console.WriteLine($"step {step}: loss {loss:F3}");
        }
        // end-sample
        norm.Weight!.Value.Span.ToArray().Should().AllSatisfy(static value => value.Should().BeApproximately(3, 1));
        norm.Bias!.Value.Span.ToArray().Should().AllSatisfy(static value => value.Should().BeApproximately(5, 1));
    }
}
