namespace Normalization;

/// <summary>What layers with channels expect of the shape of their input.</summary>
internal static class InputShape
{
    /// <summary>
    /// Throws unless the rank fits and the channels are as many as the layer has, whose number stands for {0} in what was expected.
    /// </summary>
    public static void RequireChannels(ReadOnlySpan<int> shape, int dimension, int channels, bool rankFits, string expected)
    {
        if (!rankFits || shape[dimension] != channels)
        {
            throw Guard.InputError(
                $"expected input {expected.Replace("{0}", $"{channels}", StringComparison.Ordinal)}, got {Shape.Format(shape)}");
        }
    }

    /// <summary>[N, C, ...] with statistics of each channel.</summary>
    public static NormalizationPlan Batch(ReadOnlySpan<int> shape, int channels, bool rankFits, string expected)
    {
        RequireChannels(shape, 1, channels, rankFits, expected);
        return NormalizationPlan.Batch(shape[0], channels, Shape.Product(shape, 2));
    }

    /// <summary>
    /// [N, C, ...] or, with one dimension less than <paramref name="rank"/>, [C, ...] with statistics of each channel of each sample.
    /// </summary>
    public static NormalizationPlan Instances(ReadOnlySpan<int> shape, int channels, int rank, string expected)
    {
        bool isUnbatched = shape.Length == rank - 1;
        int dimension = isUnbatched ? 0 : 1;
        RequireChannels(shape, dimension, channels, isUnbatched || shape.Length == rank, expected);
        return NormalizationPlan.Groups(isUnbatched ? 1 : shape[0], channels, Shape.Product(shape, dimension + 1), channels);
    }
}
