using System.Numerics;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

/// <summary>The result of a call does not depend on threads, on the width of the vectors or on the rest of the batch.</summary>
[Collection(nameof(Settings))]
public sealed class SameBitsTests
{
    public static TheoryData<string> NotEmpty => Cases.NotEmpty();

    public static TheoryData<string> Evaluation => Cases.Evaluation();

    [Theory]
    [MemberData(nameof(NotEmpty))]
    public void Every_vector_width_gives_the_same_bits(string name)
    {
        Widths<float>(name, isTraining: true);
        Widths<double>(name, isTraining: true);
    }

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Every_vector_width_gives_the_same_bits_in_evaluation(string name)
    {
        Widths<float>(name, isTraining: false);
        Widths<double>(name, isTraining: false);
    }

    [Theory]
    [MemberData(nameof(NotEmpty))]
    public void Every_number_of_threads_gives_the_same_bits(string name)
    {
        Degrees<float>(name);
        Degrees<double>(name);
    }

    [Theory]
    [InlineData(Kind.Batch, 61_003, 37, 1)]
    [InlineData(Kind.Batch, 1501, 31, 49)]
    [InlineData(Kind.Layer, 30_001, 1, 77)]
    [InlineData(Kind.Group, 30_001, 6, 13)]
    public void Millions_of_elements_have_the_same_bits_on_one_thread_and_on_three(Kind kind, int n, int c, int s) =>
        Compare<double>(new(kind, n, c, s) { Groups = 2, Track = true }, isTraining: true, [1, 3], Setting.Degree);

    [Theory]
    [InlineData("Layer [100, 773] over 1")]
    [InlineData("Layer [14011, 5] over 1")]
    [InlineData("Layer [5, 16385] over 1 plain")]
    [InlineData("Rms [3, 20001] over 1 epsilon 1E-06")]
    [InlineData("Group [3200, 7, 3] groups 7")]
    [InlineData("Group [2000, 10, 5] groups 2")]
    [InlineData("Group [6, 64, 14, 14] groups 32")]
    [InlineData("Group [2, 4, 9001] groups 2")]
    [InlineData("Instance [6, 61, 14, 14]")]
    [InlineData("Instance [2, 2, 20011] tracking")]
    public void A_sample_alone_has_the_bits_it_has_in_a_batch(string name)
    {
        Case item = name == "Instance [6, 61, 14, 14]" ? new(Kind.Instance, 6, 61, 14, 14) : Cases.Named(name);
        Sample<float> batch = new Sample<float>(item).Run();
        AloneInBatch.Compare(batch, isTraining: true);
    }

    [Theory]
    [InlineData("Batch [4096, 37] tracking")]
    [InlineData("Batch [8, 67, 14, 14] tracking")]
    [InlineData("Batch [4, 5, 3] tracking")]
    [InlineData("Instance [4, 3, 6, 6] tracking")]
    public void In_evaluation_a_sample_alone_has_the_bits_it_has_in_a_batch(string name) =>
        AloneInBatch.Compare(new Sample<float>(Cases.Named(name)).Run(isTraining: false), isTraining: false);

    [Fact]
    public void Streaming_past_the_cache_changes_no_bits()
    {
        // In and out are larger than the last-level cache of most machines, and no row starts on a cache line.
        var large = new Sample<float>(new Case(Kind.Layer, 4099, 1001)).Run();
        var small = new Sample<float>(new Case(Kind.Layer, 1, 1001));
        AloneInBatch.CopyParameters(large, small);
        foreach (int row in (int[])[0, 1, 2, 2048, 4098])
            AloneInBatch.CompareAt(large, small, row, isTraining: true);

        var image = new Sample<float>(new Case(Kind.Instance, 9, 100, 67, 67)).Run();
        var one = new Sample<float>(new Case(Kind.Instance, 1, 100, 67, 67));
        AloneInBatch.CopyParameters(image, one);
        foreach (int sample in (int[])[0, 1, 8])
            AloneInBatch.CompareAt(image, one, sample, isTraining: true);

        var shortSlices = new Sample<float>(new Case(Kind.Instance, 99, 100, 21, 21)).Run();
        var oneOfShort = new Sample<float>(new Case(Kind.Instance, 1, 100, 21, 21));
        AloneInBatch.CopyParameters(shortSlices, oneOfShort);
        foreach (int sample in (int[])[0, 1, 98])
            AloneInBatch.CompareAt(shortSlices, oneOfShort, sample, isTraining: true);

        var columns = new Sample<float>(new Case(Kind.Batch, 41_003, 101) { Track = true }).Run(isTraining: false);
        var rows = new Sample<float>(new Case(Kind.Batch, 1, 101) { Track = true });
        AloneInBatch.CopyParameters(columns, rows);
        foreach (int row in (int[])[0, 1, 2, 20_000, 41_002])
            AloneInBatch.CompareAt(columns, rows, row, isTraining: false);
    }

    /// <summary>
    /// Rows a whole number of cache lines apart are streamed side by side, each with partial lines at its ends. Short rows are streamed
    /// where they fill whole lines, and gathered elsewhere.
    /// </summary>
    [Theory]
    [InlineData(1024, 0)]
    [InlineData(1024, 5)]
    [InlineData(1024, 12)]
    [InlineData(64, 0)]
    [InlineData(64, 5)]
    [InlineData(100, 0)]
    [InlineData(100, 7)]
    public void Streaming_four_rows_at_a_time_changes_no_bits(int width, int offset)
    {
        int rows = (4_198_000 / width) + 3;
        Tensor<float> x = Tensor<float>.RandomNormal([rows, width], 1), dy = Tensor<float>.RandomNormal([rows, width], 2);
        Tensor<float> y = Shifted(Tensor<float>.Full(x.Shape, float.NaN), offset), dx = Shifted(y, offset);
        LayerNorm<float> layer = new(width);
        Tensor<float>.RandomNormal([width], 3).Span.CopyTo(layer.Weight!.Value.Span);
        layer.Forward(x, y);
        layer.Backward(dy, dx);
        y.Span.ContainsAny(float.NaN, float.PositiveInfinity).Should().BeFalse();
        dx.Span.ContainsAny(float.NaN, float.PositiveInfinity).Should().BeFalse();
        foreach (int row in (int[])[0, 1, 2, 3, 4, rows / 2, (rows / 2) + 1, rows - 4, rows - 3, rows - 2, rows - 1])
        {
            Tensor<float> output = layer.Forward(Row(x, row)), inputGradient = layer.Backward(Row(dy, row));
            Row(y, row).Span.SequenceEqual(output.Span).Should().BeTrue("of row {0}", row);
            Row(dx, row).Span.SequenceEqual(inputGradient.Span).Should().BeTrue("of row {0}", row);
        }
    }

    /// <summary>
    /// An evaluation that takes three quarters to all of the last-level cache is not streamed, and its slices are too long for the room in
    /// which short ones are gathered.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Long_slices_of_an_evaluation_are_not_gathered_where_only_short_ones_fit(int channels)
    {
        Assert.SkipWhen(Thresholds.LastLevelCacheBytes > 64 << 20, "The tensors would have to be too large for a test.");
        int slice = (int)(Thresholds.LastLevelCacheBytes / 8 * 7 / (2 * sizeof(float) * 2 * channels));
        Tensor<float> x = Tensor<float>.RandomNormal([2, channels, slice], 1);
        BatchNorm1d<float> layer = new(channels);
        layer.Forward(x);
        layer.Eval();
        Tensor<float> y = layer.Forward(x);
        for (int sample = 0; sample < 2; sample++)
        {
            Tensor<float> one = new(x.Memory.Slice(sample * channels * slice, channels * slice), 1, channels, slice);
            y.Span.Slice(sample * channels * slice, channels * slice).SequenceEqual(layer.Forward(one).Span).Should().BeTrue();
        }
    }

    /// <summary>Many long rows gather their parameter gradients another way than few, and large ones are streamed.</summary>
    [Theory]
    [InlineData(1027, 8211)]
    [InlineData(6, 500_003)]
    public void Many_long_rows_have_the_bits_that_they_have_alone(int rows, int width)
    {
        Tensor<float> x = Tensor<float>.RandomNormal([rows, width], 1), dy = Tensor<float>.RandomNormal([rows, width], 2);
        LayerNorm<float> layer = new(width);
        Tensor<float> normalized = layer.Forward(x);
        Tensor<float>.RandomNormal([width], 3).Span.CopyTo(layer.Weight!.Value.Span);
        layer.Forward(x);
        Tensor<float> dx = layer.Backward(dy);
        float[] weightGradient = layer.Weight.Gradient.Span.ToArray(), biasGradient = layer.Bias!.Gradient.Span.ToArray();
        foreach (int column in (int[])[0, 1, 2047, 2048, 4100, width - 1])
        {
            IEnumerable<int> places = Enumerable.Range(0, rows).Select(row => (row * width) + column);
            biasGradient[column].Should().BeApproximately((float)places.Sum(i => (double)dy.Span[i]), 1e-4f);
            weightGradient[column].Should().BeApproximately((float)places.Sum(i => (double)dy.Span[i] * normalized.Span[i]), 1e-4f);
        }
        foreach (int row in (int[])[0, 1, 2, 3, rows - 4, rows - 3, rows - 2, rows - 1])
        {
            layer.Forward(Row(x, row));
            Row(dx, row).Span.SequenceEqual(layer.Backward(Row(dy, row)).Span).Should().BeTrue("of row {0}", row);
        }
    }

    /// <summary>Long rows are written four at a time, by whole rows or by segments of them; one that needs wide arithmetic goes alone.</summary>
    [Theory]
    [InlineData(3, 1)]
    [InlineData(11, 1)]
    [InlineData(11, 2)]
    [InlineData(11, 5)]
    [InlineData(41, 2)]
    public void Long_rows_that_are_written_together_have_the_bits_that_they_have_alone(int rows, int degree)
    {
        const int Width = 19_001, Wide = 5;
        using var setting = Setting.Degree(degree);
        Tensor<float> x = Tensor<float>.RandomNormal([rows, Width], 1), y = Tensor<float>.Full(x.Shape, float.NaN);
        LayerNorm<float> layer = new(Width);
        Tensor<float>.RandomNormal([Width], 3).Span.CopyTo(layer.Weight!.Value.Span);
        Tensor<float>.RandomNormal([Width], 4).Span.CopyTo(layer.Bias!.Value.Span);
        if (rows > Wide)
            Row(x, Wide).Fill(1e37f);
        layer.Forward(x, y);
        for (int row = 0; row < rows; row++)
            Row(y, row).Span.SequenceEqual(layer.Forward(Row(x, row)).Span).Should().BeTrue("of row {0}", row);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(12)]
    public void Streaming_four_rows_of_columns_at_a_time_changes_no_bits(int offset)
    {
        const int Rows = 1027, Width = 4112;
        Tensor<float> x = Tensor<float>.RandomNormal([Rows, Width], 1), y = Shifted(Tensor<float>.Full(x.Shape, float.NaN), offset);
        BatchNorm1d<float> layer = new(Width);
        layer.Forward(x);
        layer.Eval();
        layer.Forward(x, y);
        foreach (int row in (int[])[0, 1, 2, 3, 4, 513, 514, 515, 1023, 1024, 1025, 1026])
            Row(y, row).Span.SequenceEqual(layer.Forward(Row(x, row)).Span).Should().BeTrue("of row {0}", row);
    }

    private static Tensor<float> Row(Tensor<float> tensor, int row)
    {
        int width = tensor.Shape[1];
        return new(tensor.Memory.Slice(row * width, width), 1, width);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void The_alignment_of_the_memory_changes_no_bits(int offset)
    {
        string[] names = ["Batch [67, 19] tracking", "Batch [2, 3, 9001] tracking", "Layer [3, 8200] over 1", "Group [5, 6, 17] groups 2"];
        foreach (string name in names)
        {
            Sample<float> aligned = new Sample<float>(Cases.Named(name)).Run();
            Tensor<float> input = Shifted(aligned.Input, offset), output = Shifted(aligned.Output, offset + 1);
            output.Fill(float.NaN);
            aligned.Layer.Forward(input, output);
            output.Span.SequenceEqual(aligned.Output.Span).Should().BeTrue();
        }
    }

    private static Tensor<float> Shifted(Tensor<float> tensor, int offset)
    {
        var memory = new float[tensor.Length + offset].AsMemory(offset);
        tensor.Span.CopyTo(memory.Span);
        return new(memory, tensor.Shape);
    }

    private static void Widths<T>(string name, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Compare<T>(Cases.Named(name), isTraining, [128, 256, 512], Setting.Width);

    private static void Degrees<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Compare<T>(Cases.Named(name), isTraining: true, [1, 2, 3, 7, 16], Setting.Degree);

    private static void Compare<T>(Case item, bool isTraining, int[] values, Func<int, Setting> set)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(item);
        long[]? expected = null;
        foreach (int value in values)
        {
            using Setting setting = set(value);
            sample.Layer.ZeroGradients();
            sample.Output.Fill(T.NaN);
            sample.InputGradient.Fill(T.NaN);
            sample.Running?.ResetRunningStatistics();
            long[] bits = sample.Run(isTraining).Bits();
            bits.AsSpan().SequenceEqual(expected ??= bits).Should().BeTrue("of {0}", value);
        }
    }
}
