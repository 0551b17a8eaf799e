using System.Globalization;
using System.Runtime.Intrinsics.X86;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Tests;

public sealed class ThresholdsTests
{
    private const string Caches = "/sys/devices/system/cpu/cpu0/cache";

    /// <summary>Streaming what the next layer finds in the cache, or what does not fit, costs half of the speed.</summary>
    [Fact]
    public void Only_what_exceeds_the_cache_in_long_pieces_goes_past_it()
    {
        long most = Thresholds.LastLevelCacheBytes / 4 * 3;
        Thresholds.IsStreamed(most, Thresholds.ShortestStreamedPiece).Should().BeFalse();
        Thresholds.IsStreamed(most + 1, Thresholds.ShortestStreamedPiece).Should().BeTrue();
        Thresholds.IsStreamed(most + 1, Thresholds.ShortestStreamedPiece - 1).Should().BeFalse();
        Thresholds.IsStreamed(0, Thresholds.ShortestStreamedPiece).Should().BeFalse();
    }

    /// <summary>Past the cache an evaluation writes more slowly than into it, as long as the cache holds its input and output.</summary>
    [Fact]
    public void An_evaluation_that_fits_the_cache_is_not_streamed()
    {
        long half = Thresholds.LastLevelCacheBytes / 2;
        Thresholds.IsStreamed(Thresholds.ForwardBytes(half, true), Thresholds.ShortestStreamedPiece).Should().BeFalse();
        Thresholds.IsStreamed(Thresholds.ForwardBytes(half + 64, true), Thresholds.ShortestStreamedPiece).Should().BeTrue();
        Thresholds.IsStreamed(Thresholds.ForwardBytes(half, false), Thresholds.ShortestStreamedPiece).Should().BeTrue();
    }

    /// <summary>A short piece that is written alone leaves partial cache lines, and a very short one costs more than it saves.</summary>
    [Fact]
    public unsafe void Short_pieces_go_past_the_cache_alone_only_where_they_fill_whole_lines()
    {
        long many = Thresholds.LastLevelCacheBytes;
        void* line = (void*)(nuint)4096, inLine = (void*)(nuint)4100;
        Thresholds.IsStreamed(many, 256, line).Should().BeTrue();
        Thresholds.IsStreamed(many, 256, inLine).Should().BeFalse();
        Thresholds.IsStreamed(many, 260, line).Should().BeFalse();
        Thresholds.IsStreamed(many, 192, line).Should().BeFalse();
        Thresholds.IsStreamed(many, 2052, inLine).Should().BeTrue();
        Thresholds.IsStreamed(0, 256, line).Should().BeFalse();
        Thresholds.IsStaged(many, 260).Should().BeTrue();
        Thresholds.IsStaged(many, 252).Should().BeFalse();
        Thresholds.IsStaged(many, 2047).Should().BeTrue();
        Thresholds.IsStaged(many, 2048).Should().BeFalse("four of them would not fit where they are gathered");
        ((nint)Thresholds.RowsAtOnce * 2047).Should().BeLessThan(Thresholds.StagedBytes);
        Thresholds.IsStaged(0, 260).Should().BeFalse();
    }

    [Fact]
    public void The_last_level_cache_is_as_large_as_the_system_says_or_as_its_processors_can_use()
    {
        if (!Directory.Exists(Caches))
            Assert.Skip("The system does not say it in a file.");
        long largest = Directory.GetDirectories(Caches, "index*")
            .Select(static index => File.ReadAllText(Path.Combine(index, "size")).Trim())
            .Max(static size => long.Parse(size.TrimEnd('K'), CultureInfo.InvariantCulture) * 1024);
        long all = X86Base.IsSupported ? largest : 32L << 20;
        Thresholds.LastLevelCacheBytes.Should().Be(Thresholds.UsableCacheBytes(all, Environment.ProcessorCount));
    }

    /// <summary>Where it was counted as a whole, tensors of 25 to 200 MB took up to twice as long on two processors of a server.</summary>
    [Theory]
    [InlineData(300, 1, 32)]
    [InlineData(300, 2, 32)]
    [InlineData(300, 64, 300)]
    [InlineData(32, 2, 32)]
    [InlineData(96, 16, 96)]
    [InlineData(8, 2, 8)]
    public void A_few_processors_of_a_server_do_not_count_its_whole_cache(long cache, int processors, long usable) =>
        Thresholds.UsableCacheBytes(cache << 20, processors).Should().Be(usable << 20);

    /// <summary>Prefetching what is near costs a tenth.</summary>
    [Fact]
    public void Only_large_inputs_are_asked_for_ahead()
    {
        Thresholds.Ahead(4 << 20, 512).Should().Be(0);
        Thresholds.Ahead((4 << 20) + 1, 512).Should().Be(512);
    }

    [Fact]
    public void A_batch_of_groups_fits_the_first_level_cache()
    {
        Thresholds.GroupsPerBatch(1).Should().Be(Thresholds.BatchGroups);
        Thresholds.GroupsPerBatch(4 * 1024).Should().Be(4);
        Thresholds.GroupsPerBatch(10 * 1024).Should().Be(2);
        Thresholds.GroupsPerBatch(1 << 20).Should().Be(1);
    }

    /// <summary>Tile by tile many rows are read from memory twice; all at once, few pay for accumulators that do not fit the cache, and the widest for their memory.</summary>
    [Theory]
    [InlineData(1, 8191, false)]
    [InlineData(1, 8192, true)]
    [InlineData(1023, 8192, true)]
    [InlineData(1024, 8192, false)]
    [InlineData(1024, 65_536, false)]
    [InlineData(1024, 65_537, true)]
    public void Few_long_rows_go_tile_by_tile(int rows, int columns, bool isLong) => Thresholds.IsLongRow(rows, columns).Should().Be(isLong);

    /// <summary>In fewer elements the projections cancel nearly all of the gradient; in more, doubles would halve the speed.</summary>
    [Theory]
    [InlineData(31, false)]
    [InlineData(32, true)]
    public void The_gradient_of_few_elements_is_computed_in_double(int count, bool isNarrow)
    {
        var statistics = GroupStatistics<One>.FromMoments(0, 1, 0);
        ProjectionSums<One> sums = new() { Sum = 1, Product = 1, Weight = 1 };
        Projection<One>.Create<float>(statistics, sums, count, isCentered: true).Weighted<float>(1).IsNarrow.Should().Be(isNarrow);
    }
}
