using Normalization.Kernels;

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

    [Fact]
    public void Small_work_stays_on_one_thread_and_large_work_does_not()
    {
        using Setting setting = Setting.Degree(3);
        Partition.DegreeFor(Thresholds.ParallelBytes - 1).Should().Be(1);
        Partition.DegreeFor(Thresholds.ParallelBytes).Should().Be(3);
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
}
