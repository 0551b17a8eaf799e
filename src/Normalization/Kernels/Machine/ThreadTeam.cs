using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Normalization.Kernels.Machine;

/// <summary>
/// The threads that work on one job at a time: its caller and helpers of the thread pool. The caller works too, and never waits for a
/// helper that has not started: with a busy pool it does more of the work itself. The call returns after every helper has left the job.
/// Each thread begins with its own share, which its cache may have from the job before, and then takes from the others' shares.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The event lives as long as its thread and is finalized after it.")]
internal sealed class ThreadTeam<TJob> : IThreadPoolWorkItem where TJob : struct, IWorkerJob
{
    // The state counts the helpers that work on the job. No helper begins to work on a closed job.
    private const int Closed = 1 << 30;
    private const int CallerSleeps = 1 << 29;
    private const int Helpers = CallerSleeps - 1;

    // Most waits are shorter than the first time. Waking a thread takes a few percent of the second time.
    private const long SpinMicroseconds = 20;
    private const long YieldMicroseconds = 500;

    // A cache line for the next chunk of each worker.
    private const int LineLength = RawMemory.LineBytes / sizeof(int);

    [ThreadStatic]
    private static ThreadTeam<TJob>? t_team;

    private readonly AutoResetEvent _left = new(initialState: false);
    private TJob _job;
    private nint _count;
    private int _chunks;
    private int[] _next = [];
    private int _helpers;
    private int _workers;
    private int _state = Closed;
    private int _queued;
    private bool _isWorking;
    private bool _isInterrupted;
    private Exception? _failure;

    /// <summary>This thread's team with so many helpers; null inside one of its jobs, and where there is no memory for one.</summary>
    public static ThreadTeam<TJob>? TryRent(int helpers)
    {
        try
        {
            t_team ??= new();
            if (t_team._isWorking)
                return null;
            if (t_team._next.Length < (helpers + 1) * LineLength)
                t_team._next = new int[(helpers + 1) * LineLength];
            return t_team;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    public void Run(in TJob job, nint count, int chunks, int helpers)
    {
        (_job, _count, _chunks, _helpers, _workers) = (job, count, chunks, helpers, 0);
        for (int owner = 0; owner <= helpers; owner++)
            _next[owner * LineLength] = FirstOf(owner);
        (_isWorking, _isInterrupted, _failure) = (true, false, null);
        Volatile.Write(ref _state, 0);
        CallHelpers();
        Work(worker: 0);
        WaitForHelpers();
        _isWorking = false;
        if (_isInterrupted)
            Thread.CurrentThread.Interrupt();
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Interlocked.Decrement(ref _queued);
        if (!TryEnter())
            return;
        // More helpers may come than this job called: some were called for an earlier job.
        int worker = Interlocked.Increment(ref _workers);
        if (worker <= _helpers)
            Work(worker);
        if (Interlocked.Decrement(ref _state) == (Closed | CallerSleeps))
            _left.Set();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private bool TryEnter()
    {
        int state = Volatile.Read(ref _state);
        while ((state & Closed) == 0)
        {
            int seen = Interlocked.CompareExchange(ref _state, state + 1, state);
            if (seen == state)
                return true;
            state = seen;
        }
        return false;
    }

    /// <summary>
    /// Calls the helpers that are missing. Helpers that an earlier job called and the pool has not started yet count for this job.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void CallHelpers()
    {
        try
        {
            for (int missing = _helpers - Volatile.Read(ref _queued); missing > 0; missing--)
            {
                Interlocked.Increment(ref _queued);
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }
        catch (Exception exception)
        {
            // Without memory, or after an interrupt, a helper cannot be called. The job then goes on with the helpers that are there.
            Interlocked.Decrement(ref _queued);
            _isInterrupted |= exception is ThreadInterruptedException;
        }
    }

    /// <summary>The first chunk that belongs to a worker.</summary>
    private int FirstOf(int worker) => (int)((long)worker * _chunks / (_helpers + 1));

    private nint Bound(int chunk) => (_count / _chunks * chunk) + Math.Min(chunk, _count % _chunks);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Work(int worker)
    {
        try
        {
            for (int i = 0, chunk; i <= _helpers; i++)
            {
                int owner = (worker + i) % (_helpers + 1), end = FirstOf(owner + 1);
                while ((chunk = Interlocked.Increment(ref _next[owner * LineLength]) - 1) < end)
                    _job.Run(Bound(chunk), Bound(chunk + 1), worker);
            }
        }
        catch (Exception exception)
        {
            // The caller throws the first exception. Chunks that no thread has begun are not done.
            Interlocked.CompareExchange(ref _failure, exception, null);
            LeaveRest();
        }
    }

    /// <summary>No thread begins another chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void LeaveRest()
    {
        for (int owner = 0; owner <= _helpers; owner++)
            Interlocked.Exchange(ref _next[owner * LineLength], _chunks);
    }

    /// <summary>An exception that left this method would let the caller unpin memory that helpers write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void WaitForHelpers()
    {
        if (Interlocked.Or(ref _state, Closed) == 0)
            return;
        long start = Stopwatch.GetTimestamp();
        while ((Volatile.Read(ref _state) & Helpers) != 0)
        {
            long waited = (Stopwatch.GetTimestamp() - start) * 1_000_000 / Stopwatch.Frequency;
            if (waited < SpinMicroseconds)
                Thread.SpinWait(1);
            else if (waited < YieldMicroseconds)
                Thread.Yield();
            else if ((Interlocked.Or(ref _state, CallerSleeps) & Helpers) != 0)
                Sleep();
        }
    }

    /// <summary>
    /// Waits until the last helper has left, or a shorter time. An interrupt of the thread is kept for the next wait of its user.
    /// </summary>
    private void Sleep()
    {
        try
        {
            _left.WaitOne();
        }
        catch (ThreadInterruptedException)
        {
            _isInterrupted = true;
        }
        catch (Exception exception)
        {
            // A synchronization context can make the wait run code of the user, which may throw.
            Interlocked.CompareExchange(ref _failure, exception, null);
        }
    }
}
