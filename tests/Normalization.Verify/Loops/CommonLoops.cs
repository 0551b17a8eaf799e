namespace Normalization.Verify.Loops;

/// <summary>Loops that people write, as .github/docs/replace-your-loop.md shows them. Each has a fault; <see cref="Replacements"/> has none.</summary>
internal static class CommonLoops
{
    // begin-sample loop-float-sums
    public static void NormalizeRow(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        float sum = 0, squares = 0;
        foreach (float value in x)
            sum += value;
        float mean = sum / x.Length;
        foreach (float value in x)
            squares += (value - mean) * (value - mean);
        float scale = 1 / MathF.Sqrt((squares / x.Length) + epsilon);
        for (int i = 0; i < x.Length; i++)
            y[i] = (x[i] - mean) * scale;
    }
    // end-sample

    // begin-sample loop-one-pass
    public static void NormalizeChannel(
        ReadOnlySpan<float> x, int channels, int channel, float epsilon, Span<float> y)
    {
        float sum = 0, squares = 0;
        for (int i = channel; i < x.Length; i += channels)
        {
            sum += x[i];
            squares += x[i] * x[i];
        }
        int count = x.Length / channels;
        float mean = sum / count, variance = (squares / count) - (mean * mean);
        float scale = 1 / MathF.Sqrt(variance + epsilon);
        for (int i = channel; i < x.Length; i += channels)
            y[i] = (x[i] - mean) * scale;
    }
    // end-sample

    // begin-sample loop-welford
    public static (float Mean, float Variance) Moments(ReadOnlySpan<float> x)
    {
        float mean = 0, squares = 0;
        for (int i = 0; i < x.Length; i++)
        {
            float difference = x[i] - mean;
            mean += difference / (i + 1);
            squares += difference * (x[i] - mean);
        }
        return (mean, squares / x.Length);
    }
    // end-sample

    // begin-sample loop-epsilon-outside
    public static void NormalizeImage(ReadOnlySpan<float> x, float epsilon, Span<float> y)
    {
        double sum = 0, squares = 0;
        foreach (float value in x)
            sum += value;
        double mean = sum / x.Length;
        foreach (float value in x)
            squares += (value - mean) * (value - mean);
        double deviation = Math.Sqrt(squares / x.Length);
        for (int i = 0; i < x.Length; i++)
            y[i] = (float)((x[i] - mean) / (deviation + epsilon));
    }
    // end-sample

    // begin-sample loop-divide-by-weight
    public static void Backward(
        ReadOnlySpan<float> y, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        float scale, Span<float> dx, Span<float> weightGradient)
    {
        float sum = 0, product = 0;
        for (int i = 0; i < y.Length; i++)
        {
            // The normalized value was not kept: it comes from the output.
            float normalized = (y[i] - bias[i]) / weight[i];
            float gradient = dy[i] * weight[i];
            sum += gradient;
            product += gradient * normalized;
            weightGradient[i] += dy[i] * normalized;
        }
        for (int i = 0; i < y.Length; i++)
        {
            float normalized = (y[i] - bias[i]) / weight[i];
            dx[i] = scale * ((dy[i] * weight[i]) - (sum / y.Length) - (normalized * product / y.Length));
        }
    }
    // end-sample
}
