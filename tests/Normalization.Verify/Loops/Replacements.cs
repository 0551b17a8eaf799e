namespace Normalization.Verify.Loops;

/// <summary>
/// The calls that replace the loops of <see cref="CommonLoops"/>, as the page shows them. Spans of statistics may be empty, if nobody
/// wants the statistics.
/// </summary>
internal static class Replacements
{
    public static void NormalizeRow(ReadOnlySpan<float> x, float epsilon, Span<float> y, Span<double> mean, Span<double> scale)
    {
        // begin-sample call-row
        NormalizationPrimitives.LayerNormForward(
            x, rows: 1, width: x.Length, weight: [], bias: [], epsilon: epsilon, y: y, mean: mean, inverseStandardDeviation: scale);
        // end-sample
    }

    public static void NormalizeChannels(
        ReadOnlySpan<float> x, int channels, float epsilon, Span<float> y, Span<double> mean, Span<double> scale)
    {
        // begin-sample call-channels
        NormalizationPrimitives.BatchNormForward(
            x, n: x.Length / channels, c: channels, s: 1, weight: [], bias: [], epsilon: epsilon, y: y,
            mean: mean, inverseStandardDeviation: scale, runningMean: [], runningVariance: [], momentum: 0);
        // end-sample
    }

    public static void Moments(ReadOnlySpan<float> x, Span<double> mean, Span<double> variance)
    {
        // begin-sample call-moments
        NormalizationPrimitives.LayerNormMoments(x, rows: 1, width: x.Length, mean: mean, variance: variance);
        // end-sample
    }

    public static void NormalizeImage(ReadOnlySpan<float> x, float epsilon, Span<float> y, Span<double> mean, Span<double> scale)
    {
        // begin-sample call-image
        NormalizationPrimitives.GroupNormForward(
            x, n: 1, c: 1, s: x.Length, groups: 1, weight: [], bias: [], epsilon: epsilon, y: y,
            mean: mean, inverseStandardDeviation: scale);
        // end-sample
    }

    public static void Backward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, ReadOnlySpan<double> mean, ReadOnlySpan<double> scale,
        Span<float> dx, Span<float> weightGradient)
    {
        // begin-sample call-backward
        NormalizationPrimitives.LayerNormGradient(
            x, dy, rows: 1, width: x.Length, weight: weight, dx: dx, weightGradient: weightGradient, biasGradient: [],
            mean: mean, inverseStandardDeviation: scale);
        // end-sample
    }
}
