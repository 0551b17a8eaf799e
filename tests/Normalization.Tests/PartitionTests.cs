using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

/// <summary>A job writes through raw pointers: whatever happens to one thread, the call ends after all threads have left the job.</summary>
[Collection(nameof(ProcessWide))]
public sealed class PartitionTests
{
    private const int Count = 64;

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void A_chunk_that_throws_ends_the_call_only_after_all_threads_have_left_it(bool onCaller, bool withoutMemory)
    {
        int thrower = 0, inside = 0;
        using var barrier = new GatherBarrier();
        Action call = () => Run((_, _) =>
        {
            Interlocked.Increment(ref inside);
            try
            {
                bool isCaller = barrier.Attend();
                if (isCaller == onCaller && Interlocked.Increment(ref thrower) == 1)
                    Fail(withoutMemory);
                // A caller that did not wait would have returned by now.
                Thread.Sleep(20);
            }
            finally
            {
                Interlocked.Decrement(ref inside);
            }
        });
        Exception thrown = call.Should().Throw<Exception>().Which;
        Volatile.Read(ref inside).Should().Be(0);
        thrown.Should().BeOfType(withoutMemory ? typeof(OutOfMemoryException) : typeof(InvalidOperationException));
        thrown.StackTrace.Should().Contain(nameof(Fail));
        TakesEveryItemOnce();
    }

    [Fact]
    public void Of_several_exceptions_the_first_is_thrown()
    {
        using var barrier = new GatherBarrier();
        using var first = new ManualResetEventSlim();
        Action call = () => Run((_, _) =>
        {
            if (barrier.Attend())
            {
                first.Wait(CancellationToken.None);
                throw new InvalidOperationException("second");
            }
            try
            {
                throw new InvalidOperationException("first");
            }
            finally
            {
                // Another thread of the pool sets it after this one has left the job.
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ =>
                    {
                        Thread.Sleep(20);
                        first.Set();
                    },
                    null);
            }
        });
        call.Should().Throw<InvalidOperationException>().WithMessage("first");
    }

    [Fact]
    public void A_thread_that_is_interrupted_while_it_waits_for_helpers_finishes_its_call_and_keeps_the_interrupt()
    {
        bool isComplete = false, isPending = false;
        Exception? failure = null;
        OnItsOwnThread(caller =>
        {
            using var barrier = new GatherBarrier();
            int written = 0;
            failure = Record.Exception(() => Run((start, end) =>
            {
                if (!barrier.Attend())
                {
                    AwaitSleep(caller);
                    caller.Interrupt();
                    AwaitSleep(caller);
                }
                Interlocked.Add(ref written, (int)(end - start));
            }));
            isComplete = written == Count;
            isPending = Record.Exception(static () => Thread.Sleep(0)) is ThreadInterruptedException;
        });
        failure.Should().BeNull();
        isComplete.Should().BeTrue();
        isPending.Should().BeTrue();
    }

    /// <summary>A caller that spins takes the processor from a helper of lower priority, which then never ends.</summary>
    [Fact]
    public void A_caller_that_waits_for_long_leaves_its_processor_to_others()
    {
        bool hasSlept = false;
        OnItsOwnThread(caller =>
        {
            using var barrier = new GatherBarrier();
            Run((_, _) =>
            {
                if (!barrier.Attend() && AwaitSleep(caller))
                    hasSlept = true;
            });
        });
        hasSlept.Should().BeTrue();
    }

    [Fact]
    public void Threads_of_one_job_have_different_numbers_below_its_degree()
    {
        const int Degree = 3;
        int[] chunks = new int[Degree];
        // All three begin a chunk together, so that each takes as many as the others.
        using var together = new Barrier(Degree);
        Partition.ForWorkers(
            new WorkerJob(worker =>
            {
                together.SignalAndWait(CancellationToken.None);
                Interlocked.Increment(ref chunks[worker]);
            }),
            Count,
            Degree);
        chunks.Should().OnlyContain(static taken => taken == Thresholds.ChunksPerThread);
    }

    [Fact]
    public void Each_thread_begins_with_its_own_share_whose_data_its_cache_has()
    {
        nint[] firsts = [-1, -1];
        using var together = new Barrier(firsts.Length);
        Partition.ForWorkers(
            new ShareJob((start, worker) =>
            {
                if (firsts[worker] >= 0)
                    return;
                firsts[worker] = start;
                together.SignalAndWait(CancellationToken.None);
            }),
            Count,
            firsts.Length);
        firsts.Should().Equal(0, Count / 2);
    }

    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(2, 2, true)]
    [InlineData(3, 2, true)]
    [InlineData(5, 4, false)]
    [InlineData(6, 4, true)]
    [InlineData(4, 16, false)]
    [InlineData(64, 16, true)]
    public void Threads_are_busy_where_items_leave_them_at_most_a_quarter_of_the_time(int items, int degree, bool areBusy) =>
        Partition.KeepsBusy(items, degree).Should().Be(areBusy);

    [Fact]
    public void Calls_on_a_busy_thread_pool_do_not_fill_its_queue()
    {
        ThreadPool.GetMinThreads(out int workers, out _);
        using var release = new ManualResetEventSlim();
        using var busy = new CountdownEvent(16 * workers);
        try
        {
            for (int i = 0; i < busy.InitialCount; i++)
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ =>
                    {
                        release.Wait(CancellationToken.None);
                        busy.Signal();
                    },
                    null);
            }
            long before = ThreadPool.PendingWorkItemCount;
            for (int i = 0; i < 1000; i++)
                Partition.For(new Job(static (_, _) => { }), Count, degree: 4);
            (ThreadPool.PendingWorkItemCount - before).Should().BeLessThan(100);
        }
        finally
        {
            release.Set();
            busy.Wait(CancellationToken.None);
        }
    }

    private static void TakesEveryItemOnce()
    {
        int[] taken = new int[Count];
        Run((start, end) =>
        {
            for (nint i = start; i < end; i++)
                Interlocked.Increment(ref taken[i]);
        });
        taken.Should().OnlyContain(static times => times == 1);
    }

    private static void Run(Action<nint, nint> chunk) => Partition.For(new Job(chunk), Count, degree: 2);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fail(bool withoutMemory)
    {
        if (withoutMemory)
            _ = new Kilobyte[Array.MaxLength];
        throw new InvalidOperationException();
    }

    private static void OnItsOwnThread(Action<Thread> action)
    {
        var thread = new Thread(() => action(Thread.CurrentThread));
        thread.Start();
        thread.Join();
    }

    /// <summary>Whether a thread sleeps, and not for a moment only.</summary>
    private static bool AwaitSleep(Thread thread)
    {
        const int Rounds = 2000, Enough = 20;
        for (int round = 0, asleep = 0; round < Rounds; round++)
        {
            asleep = thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin) ? asleep + 1 : 0;
            if (asleep == Enough)
                return true;
            Thread.Sleep(1);
        }
        return false;
    }

    // Two terabytes of these are more than there is.
    [InlineArray(1024)]
    private struct Kilobyte
    {
        public byte First;
    }

    private readonly struct Job(Action<nint, nint> run) : IJob
    {
        private readonly Action<nint, nint> _run = run;

        public void Run(nint start, nint end) => _run(start, end);
    }

    private readonly struct WorkerJob(Action<int> run) : IWorkerJob
    {
        private readonly Action<int> _run = run;

        public void Run(nint start, nint end, int worker) => _run(worker);
    }

    private readonly struct ShareJob(Action<nint, int> run) : IWorkerJob
    {
        private readonly Action<nint, int> _run = run;

        public void Run(nint start, nint end, int worker) => _run(start, worker);
    }

    /// <summary>Lets the caller and a helper begin a chunk each before either goes on.</summary>
    private sealed class GatherBarrier : IDisposable
    {
        private readonly int _caller = Environment.CurrentManagedThreadId;
        private readonly ManualResetEventSlim _callerIsHere = new(), _helperIsHere = new();

        /// <summary>Whether this is the caller.</summary>
        public bool Attend()
        {
            bool isCaller = Environment.CurrentManagedThreadId == _caller;
            (isCaller ? _callerIsHere : _helperIsHere).Set();
            (isCaller ? _helperIsHere : _callerIsHere).Wait(CancellationToken.None);
            return isCaller;
        }

        public void Dispose()
        {
            _callerIsHere.Dispose();
            _helperIsHere.Dispose();
        }
    }
}
