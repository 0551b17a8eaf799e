using Normalization;

namespace Samples;

internal static class Forecasting
{
    public static void Run()
    {
        const int batch = 3, channels = 2, length = 96, horizon = 24;
        var past = new Tensor<float>(batch, channels, length);
        // Waves of a period of 24 steps, each on a level and a scale of its own.
        for (int i = 0; i < past.Length; i++)
            past.Span[i] = Wave(i / length, i % length);
        var outputGradient = Tensor<float>.Full([batch, channels, horizon], 1);
        // begin-sample forecasting
        var norm = new InstanceNorm1d<float>(channels, affine: true);
        var context = new ForwardContext<float>();
        Tensor<float> normalized = new(past.Shape), futureGradient = new(batch, channels, horizon);

        norm.Forward(past, normalized, context);                      // [N, C, 96]
        Tensor<float> prediction = Repeat(normalized, horizon);       // your model: [N, C, 24] on the normalized scale
        Tensor<float> forecast = norm.Invert(prediction, context);    // (prediction - β) / γ · σ + μ

        // Backward: through the inverse, the model and the norm. γ and β gain gradients in both.
        norm.InvertBackward(prediction, outputGradient, futureGradient, context);
        Tensor<float> pastGradient = RepeatGradient(futureGradient, past);
        norm.Backward(pastGradient, pastGradient, context);
        // end-sample
        for (int i = 0; i < forecast.Length; i++)
            forecast.Span[i].Should().BeApproximately(Wave(i / horizon, length + (i % horizon)), 1e-2f);
        // The inverse undoes the affine of the norm: γ and β have no effect on a repetition.
        norm.Weight!.Gradient[0].Should().BeApproximately(0, 1e-2f);
        norm.Bias!.Gradient[0].Should().BeApproximately(0, 1e-2f);
    }

    private static float Wave(int series, int step) => (100 * (series + 1)) + ((series + 2) * MathF.Sin(step * MathF.Tau / 24));

    /// <summary>The last period once more.</summary>
    private static Tensor<float> Repeat(Tensor<float> series, int horizon)
    {
        int length = series.Shape[2];
        var result = new Tensor<float>(series.Shape[0], series.Shape[1], horizon);
        for (int i = 0; i < result.Length; i++)
            result.Span[i] = series.Span[(i / horizon * length) + length - horizon + (i % horizon)];
        return result;
    }

    private static Tensor<float> RepeatGradient(Tensor<float> gradient, Tensor<float> series)
    {
        int length = series.Shape[2], horizon = gradient.Shape[2];
        var result = new Tensor<float>(series.Shape);
        for (int i = 0; i < gradient.Length; i++)
            result.Span[(i / horizon * length) + length - horizon + (i % horizon)] = gradient.Span[i];
        return result;
    }
}
