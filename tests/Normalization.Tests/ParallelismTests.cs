using System.Diagnostics.Tracing;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

[Collection(nameof(ProcessWide))]
public sealed class ParallelismTests
{
    [Fact]
    public void The_default_is_all_processors() => NormalizationParallelism.MaxDegree.Should().Be(Environment.ProcessorCount);

    [Fact]
    public void A_degree_that_is_not_positive_is_refused_and_changes_nothing()
    {
        using Setting setting = Setting.Degree(3);
        foreach (int degree in (int[])[0, -1, int.MinValue])
        {
            FluentActions.Invoking(() => NormalizationParallelism.MaxDegree = degree).Should().Throw<ArgumentOutOfRangeException>()
                .WithMessage($"MaxDegree must be positive, got {degree}*");
        }
        NormalizationParallelism.MaxDegree.Should().Be(3);
    }

    [Theory]
    [InlineData(0, 64, 1)]
    [InlineData(Thresholds.ParallelBytes - 1, 64, 1)]
    [InlineData(Thresholds.ParallelBytes, 1, 1)]
    [InlineData(Thresholds.ParallelBytes, 2, 2)]
    [InlineData(Thresholds.ParallelBytes, 3, 3)]
    [InlineData(Thresholds.ParallelBytes, 64, 4)]
    [InlineData(1 << 20, 4, 4)]
    [InlineData(1 << 20, 16, 16)]
    [InlineData(1 << 20, 64, 16)]
    [InlineData((4 << 20) - 1, 64, 63)]
    [InlineData(4 << 20, 64, 64)]
    [InlineData(1L << 40, 64, 64)]
    [InlineData(1 << 20, int.MaxValue, 16)]
    [InlineData(long.MaxValue, int.MaxValue, Thresholds.MostThreads)]
    public void Every_thread_has_at_least_64_KB_and_small_work_stays_on_one(long bytes, int processors, int expected)
    {
        Partition.Degree(bytes, processors).Should().Be(expected);
        using Setting setting = Setting.Degree(processors);
        Partition.DegreeFor(bytes).Should().Be(expected);
    }

    [Theory]
    [InlineData("Layer [100, 773] over 1")]
    [InlineData("Batch [4096, 37] tracking")]
    [InlineData("Layer [1, 66001] over 1")]
    public void No_limit_at_all_neither_overflows_nor_changes_a_bit(string name)
    {
        long[] expected = new Sample<float>(Cases.Named(name)).Run().Bits();
        using Setting setting = Setting.Degree(int.MaxValue);
        new Sample<float>(Cases.Named(name)).Run().Bits().AsSpan().SequenceEqual(expected).Should().BeTrue();
    }

    [Fact]
    public void A_busy_thread_pool_only_means_less_help()
    {
        using Setting setting = Setting.Degree(8);
        var sample = new Sample<float>(Cases.Named("Layer [100, 773] over 1"));
        ThreadPool.GetMinThreads(out int workers, out _);
        using var release = new ManualResetEventSlim();
        using var busy = new CountdownEvent(4 * workers);
        try
        {
            // Every worker waits for this test to be done: a caller that waited for a helper would never come back.
            for (int i = 0; i < 4 * workers; i++)
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ =>
                    {
                        release.Wait(CancellationToken.None);
                        busy.Signal();
                    },
                    null);
            }
            long[] first = sample.Run().Bits();
            sample.Layer.ZeroGradients();
            sample.Run().Bits().AsSpan().SequenceEqual(first).Should().BeTrue();
        }
        finally
        {
            release.Set();
            busy.Wait(CancellationToken.None);
        }
    }

    /// <summary>Where there is no more memory, a thread that rents it in the middle of a job has half of the output written.</summary>
    [Fact]
    public void Evaluation_rents_its_memory_before_it_begins_and_not_for_each_tile_of_columns()
    {
        using Setting setting = Setting.Degree(1);
        int one = RentsOf(2 * Thresholds.FixedTileColumns), many = RentsOf(9 * Thresholds.FixedTileColumns);
        one.Should().BePositive();
        many.Should().Be(one);

        static int RentsOf(int channels)
        {
            var layer = new BatchNorm1d<float>(channels);
            layer.Eval();
            Tensor<float> input = new(4, channels), output = new(4, channels);
            using var rents = new RentCounter();
            layer.Forward(input, output);
            return rents.Count;
        }
    }

    /// <summary>Counts what this thread rents from the shared pools.</summary>
    private sealed class RentCounter : EventListener
    {
        private const int BufferRented = 1;

        private readonly int _thread = Environment.CurrentManagedThreadId;

        public int Count { get; private set; }

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "System.Buffers.ArrayPoolEventSource")
                EnableEvents(eventSource, EventLevel.Verbose);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventId == BufferRented && Environment.CurrentManagedThreadId == _thread)
                Count++;
        }
    }
}
