namespace Normalization.Verify.Loops;

/// <summary>The calls that replace the loops of <see cref="CommonLoops"/>, as the page shows them.</summary>
internal static class Replacements
{
    public static void NormalizeRow(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        // begin-sample call-row
        NormalizationPrimitives.LayerNormForward(x, 1, x.Length, [], [], epsilon, y, [], []);
        // end-sample
    }

    public static void NormalizeChannels(ReadOnlySpan<float> x, int channels, float epsilon, Span<float> y)
    {
        // begin-sample call-channels
        NormalizationPrimitives.BatchNormForward(x, x.Length / channels, channels, 1, [], [], epsilon, 0, [], [], y, [], []);
        // end-sample
    }

    public static (double Mean, double Variance) Moments(ReadOnlySpan<float> x)
    {
        // begin-sample call-moments
        double mean = 0, variance = 0;
        NormalizationPrimitives.LayerNormMoments(x, 1, x.Length, new(ref mean), new(ref variance));
        // end-sample
        return (mean, variance);
    }

    public static void NormalizeImage(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        // begin-sample call-image
        NormalizationPrimitives.GroupNormForward(x, 1, 1, x.Length, 1, [], [], epsilon, y, [], []);
        // end-sample
    }

    public static void Backward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, double mean, double scale,
        Span<float> dx, Span<float> weightGradient)
    {
        // begin-sample call-backward
        NormalizationPrimitives.LayerNormGradient(x, dy, 1, x.Length, [mean], [scale], weight, dx, weightGradient, []);
        // end-sample
    }
}
