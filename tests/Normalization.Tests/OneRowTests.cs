namespace Normalization.Tests;

/// <summary>One row alone takes a way of its own; it has the bits of the same row among others.</summary>
public sealed class OneRowTests
{
    private const int Rows = 3;

    /// <summary>The lengths at which sums, segments and tiles begin to differ, and their neighbors.</summary>
    public static TheoryData<int, bool> Lengths()
    {
        var data = new TheoryData<int, bool>();
        foreach (int length in (int[])[1, 2, 7, 15, 17, 128, 255, 256, 257, 300, 511, 512, 2047, 2049, 8191, 8193, 16384])
        {
            data.Add(length, false);
            data.Add(length, true);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_row_alone_has_the_bits_it_has_among_others(int width, bool isFar)
    {
        float[] x = Numbers(Rows * width, 1, isFar ? 1000 : 0), dy = Numbers(Rows * width, 2, isFar ? 500 : 0);
        float[] weight = Numbers(width, 3), bias = Numbers(width, 4);
        // Rows without a gradient add nothing to those of the parameters.
        dy.AsSpan(width).Clear();
        foreach (float[] w in (float[][])[weight, []])
        {
            float[] b = w.Length == 0 ? [] : bias;
            float[] y = new float[x.Length], one = new float[width], mean = new float[Rows], rstd = new float[Rows];
            NormalizationPrimitives.LayerNormForward<float>(x, Rows, width, w, b, 1e-5, y, mean, rstd);
            float[] ownMean = new float[1], ownRstd = new float[1];
            NormalizationPrimitives.LayerNormForward<float>(x.AsSpan(0, width), 1, width, w, b, 1e-5, one, ownMean, ownRstd);
            Same(y.AsSpan(0, width), one);
            Same([mean[0], rstd[0]], [ownMean[0], ownRstd[0]]);
            float[] dx = new float[x.Length], dw = Numbers(width, 5), db = Numbers(width, 6);
            float[] ownDx = new float[width], ownDw = [.. dw], ownDb = [.. db];
            NormalizationPrimitives.LayerNormGradient<float>(x, dy, Rows, width, w, dx, dw, db, mean, rstd);
            NormalizationPrimitives.LayerNormGradient<float>(
                x.AsSpan(0, width), dy.AsSpan(0, width), 1, width, w, ownDx, ownDw, ownDb, ownMean, ownRstd);
            Same(dx.AsSpan(0, width), ownDx);
            Same(dw, ownDw);
            Same(db, ownDb);
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_row_alone_has_the_same_gradients_whichever_are_wanted(int width, bool isFar)
    {
        float[] x = Numbers(width, 1, isFar ? 1000 : 0), dy = Numbers(width, 2), weight = Numbers(width, 3), y = new float[width];
        float[] mean = new float[1], rstd = new float[1], dx = new float[width], dw = new float[width], db = new float[width];
        NormalizationPrimitives.LayerNormForward<float>(x, 1, width, weight, [], 1e-5, y, mean, rstd);
        NormalizationPrimitives.LayerNormGradient<float>(x, dy, 1, width, weight, dx, dw, db, mean, rstd);
        float[] otherDx = new float[width], otherDw = new float[width], otherDb = new float[width];
        NormalizationPrimitives.LayerNormGradient<float>(x, dy, 1, width, weight, otherDx, otherDw, default, mean, rstd);
        Same(dx, otherDx);
        Same(dw, otherDw);
        NormalizationPrimitives.LayerNormGradient<float>(x, dy, 1, width, weight, otherDx, default, otherDb, mean, rstd);
        Same(dx, otherDx);
        Same(db, otherDb);
        NormalizationPrimitives.LayerNormGradient<float>(x, dy, 1, width, weight, otherDx, default, default, mean, rstd);
        Same(dx, otherDx);
    }

    private static float[] Numbers(int length, int seed, double mean = 0) =>
        Tensor<float>.RandomNormal([length], seed, mean).Span.ToArray();

    private static void Same(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) => Assert.Equal(
        expected.ToArray().Select(BitConverter.SingleToInt32Bits), actual.ToArray().Select(BitConverter.SingleToInt32Bits));
}
