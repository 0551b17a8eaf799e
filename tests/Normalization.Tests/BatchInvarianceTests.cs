using System.Numerics;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

/// <summary>
/// A sample has the same bits alone as in any batch, in its output and in its input gradient: at every number of samples, and at
/// every size, at which a kernel changes its way of working.
/// </summary>
[Collection(nameof(Settings))]
public sealed class BatchInvarianceTests
{
    // Fewer than a machine may have, and more than the thread of the test.
    private const int Degree = 3;

    public static TheoryData<Kind, int, int, int> Batches()
    {
        (Kind Kind, int C, int S)[] layers =
        [
            (Kind.Layer, 1, 96), (Kind.Layer, 1, 7), (Kind.Rms, 1, 33), (Kind.Group, 8, 5), (Kind.Group, 4, 49), (Kind.Instance, 3, 20),
        ];
        var data = new TheoryData<Kind, int, int, int>();
        foreach ((Kind kind, int c, int s) in layers)
        {
            foreach (int n in (int[])[1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 4096])
                data.Add(kind, n, c, s);
        }
        return data;
    }

    public static TheoryData<int, int, int> Evaluations()
    {
        var data = new TheoryData<int, int, int>();
        foreach (int n in (int[])[1, 2, 3, 4, 5, 255, 256, 257, 4096])
        {
            data.Add(n, 37, 1);
            data.Add(n, 3, 20);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Batches))]
    public void Any_number_of_samples_leaves_the_bits_of_each(Kind kind, int n, int c, int s) => Both(Of(kind, n, c, s));

    [Theory]
    [MemberData(nameof(Evaluations))]
    public void Any_number_of_samples_leaves_the_bits_of_each_in_evaluation(int n, int c, int s)
    {
        Both(new(Kind.Batch, n, c, s) { Track = true }, isTraining: false);
        Both(new(Kind.Instance, n, c, Math.Max(s, 2)) { Track = true, Affine = true }, isTraining: false);
    }

    /// <summary>The sizes of one sample: rows of one segment and of several, long rows, short units and runs, narrow and wide tiles.</summary>
    [Theory]
    [InlineData(Kind.Layer, 9, 1, 2047)]
    [InlineData(Kind.Layer, 9, 1, 2049)]
    [InlineData(Kind.Layer, 9, 1, 8191)]
    [InlineData(Kind.Layer, 9, 1, 8192)]
    [InlineData(Kind.Layer, 9, 1, 8193)]
    [InlineData(Kind.Rms, 9, 1, 8193)]
    [InlineData(Kind.Layer, 5, 1, 65_536)]
    [InlineData(Kind.Layer, 5, 1, 65_537)]
    [InlineData(Kind.Group, 257, 8, 31)]
    [InlineData(Kind.Group, 257, 8, 32)]
    [InlineData(Kind.Group, 9, 8, 1024)]
    [InlineData(Kind.Group, 9, 2048, 9)]
    [InlineData(Kind.Instance, 9, 3, 8192)]
    [InlineData(Kind.Instance, 9, 3, 8193)]
    public void The_size_of_a_sample_leaves_its_bits(Kind kind, int n, int c, int s) => Both(Of(kind, n, c, s));

    [Theory]
    [InlineData(9, 511, 1)]
    [InlineData(9, 512, 1)]
    [InlineData(9, 513, 1)]
    [InlineData(9, 8193, 1)]
    [InlineData(9, 33, 255)]
    [InlineData(9, 33, 256)]
    public void The_size_of_a_sample_leaves_its_bits_in_evaluation(int n, int c, int s) =>
        Both(new(Kind.Batch, n, c, s) { Track = true }, isTraining: false);

    /// <summary>Numbers of samples at which more threads come in, the work is split in another way, or memory is asked for ahead.</summary>
    [Theory]
    [InlineData(Kind.Layer, (int)Thresholds.ParallelBytes / sizeof(float) / 64, 1, 64)]
    [InlineData(Kind.Layer, 4 * Thresholds.ChunksPerThread * Degree, 1, 8193)]
    [InlineData(Kind.Instance, 4 * Thresholds.ChunksPerThread * Degree, 1, 6007)]
    [InlineData(Kind.Group, Thresholds.ChunksPerThread * Degree, 2, 8193)]
    [InlineData(Kind.Instance, Thresholds.ChunksPerThread * Degree, 1, 9001)]
    [InlineData(Kind.Layer, (4 << 20) / sizeof(float) / 1024, 1, 1024)]
    [InlineData(Kind.Layer, (4 << 20) / sizeof(float) / 2048, 1, 1024)]
    public void One_sample_more_or_less_at_a_threshold_leaves_the_bits_of_each(Kind kind, int n, int c, int s)
    {
        foreach (int samples in (int[])[n - 1, n, n + 1])
            Compare<float>(Of(kind, samples, c, s), isTraining: true);
    }

    /// <summary>
    /// Long rows are taken tile by tile while there are few of them, and as a whole from here on. Doubles show the last bits of the sums.
    /// </summary>
    [Theory]
    [InlineData(1023)]
    [InlineData(1024)]
    public void Many_long_rows_have_the_bits_of_few(int rows)
    {
        Thresholds.IsLongRow(rows, 8192).Should().Be(rows < 1024);
        Compare<double>(Of(Kind.Layer, rows, 1, 8192), isTraining: true);
    }

    /// <summary>Outputs, and input gradients, go past the cache from a number of rows on that depends on the machine.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void The_first_row_too_many_for_the_cache_leaves_the_bits_of_each(int tensors)
    {
        const int Width = 1024;
        Assert.SkipWhen(Thresholds.LastLevelCacheBytes > 64 << 20, "The tensors would have to be too large for a test.");
        int most = (int)(Thresholds.LastLevelCacheBytes / 4 * 3 / (tensors * Width * sizeof(float)));
        foreach (int rows in (int[])[most, most + 1])
        {
            Thresholds.IsStreamed((long)tensors * rows * Width * sizeof(float), Width * sizeof(float)).Should().Be(rows > most);
            Compare<float>(Of(Kind.Layer, rows, 1, Width), isTraining: true);
        }
    }

    private static Case Of(Kind kind, int n, int c, int s) =>
        kind is Kind.Layer or Kind.Rms ? new(kind, n, s) : new(kind, n, c, s) { Groups = kind == Kind.Group ? 2 : 1, Affine = true };

    private static void Both(Case item, bool isTraining = true)
    {
        Compare<float>(item, isTraining);
        Compare<double>(item, isTraining);
    }

    private static void Compare<T>(Case item, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var setting = Setting.Degree(Degree);
        var batch = new Sample<T>(item);
        int n = item.Shape[0], length = batch.Input.Length / n;
        // Its neighbors are computed in the element type, and this one in double.
        foreach (ref T value in batch.Input.Span.Slice(Math.Min(n - 1, 2) * length, length))
            value *= T.CreateChecked(1e37);
        batch.Run(isTraining);
        AloneInBatch.Compare(batch, isTraining, new SortedSet<int>([0, 1, 2, 3, 4, n / 2, n - 4, n - 3, n - 2, n - 1]).Where(i => i >= 0 && i < n));
    }
}
