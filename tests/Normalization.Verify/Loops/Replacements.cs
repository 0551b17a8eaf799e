namespace Normalization.Verify.Loops;

/// <summary>The calls that replace the loops of <see cref="CommonLoops"/>, as the page shows them.</summary>
internal static class Replacements
{
    public static void NormalizeRow(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        // begin-sample call-row
        NormalizationPrimitives.LayerNormForward(
            x, rows: 1, width: x.Length, weight: [], bias: [], epsilon, y, mean: [], inverseStandardDeviation: []);
        // end-sample
    }

    public static void NormalizeChannels(ReadOnlySpan<float> x, int channels, float epsilon, Span<float> y)
    {
        // begin-sample call-channels
        NormalizationPrimitives.BatchNormForward(
            x, n: x.Length / channels, c: channels, s: 1, weight: [], bias: [], epsilon,
            momentum: 0, runningMean: [], runningVariance: [], y, mean: [], inverseStandardDeviation: []);
        // end-sample
    }

    public static (double Mean, double Variance) Moments(ReadOnlySpan<float> x)
    {
        // begin-sample call-moments
        double mean = 0, variance = 0;
        NormalizationPrimitives.LayerNormMoments(x, rows: 1, width: x.Length, new(ref mean), new(ref variance));
        // end-sample
        return (mean, variance);
    }

    public static void NormalizeImage(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        // begin-sample call-image
        NormalizationPrimitives.GroupNormForward(
            x, n: 1, c: 1, s: x.Length, groups: 1, weight: [], bias: [], epsilon, y, mean: [], inverseStandardDeviation: []);
        // end-sample
    }

    public static void Backward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, double mean, double scale,
        Span<float> dx, Span<float> weightGradient)
    {
        // begin-sample call-backward
        NormalizationPrimitives.LayerNormGradient(
            x, dy, rows: 1, width: x.Length, [mean], [scale], weight, dx, weightGradient, biasGradient: []);
        // end-sample
    }
}
