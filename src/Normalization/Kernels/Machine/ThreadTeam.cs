using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Normalization.Kernels.Machine;

/// <summary>
/// The threads that work on one job at a time: its caller and helpers of the thread pool. The caller works too, and never waits for a
/// helper that has not started: with a busy pool it does more of the work itself. The call returns after every helper has left the job.
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

    [ThreadStatic]
    private static ThreadTeam<TJob>? t_team;

    private readonly AutoResetEvent _left = new(initialState: false);
    private TJob _job;
    private nint _count;
    private int _chunks;
    private int _next;
    private int _helpers;
    private int _workers;
    private int _state = Closed;
    private int _queued;
    private bool _isWorking;
    private bool _isInterrupted;
    private Exception? _failure;

    /// <summary>This thread's team; null inside one of its jobs, and where there is no memory for one.</summary>
    public static ThreadTeam<TJob>? TryRent()
    {
        try
        {
            t_team ??= new();
            return t_team._isWorking ? null : t_team;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    public void Run(in TJob job, nint count, int chunks, int helpers)
    {
        (_job, _count, _chunks, _next, _helpers, _workers) = (job, count, chunks, 0, helpers, 0);
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

    private nint Bound(int chunk) => (_count / _chunks * chunk) + Math.Min(chunk, _count % _chunks);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Work(int worker)
    {
        try
        {
            int chunk;
            while ((chunk = Interlocked.Increment(ref _next) - 1) < _chunks)
                _job.Run(Bound(chunk), Bound(chunk + 1), worker);
        }
        catch (Exception exception)
        {
            // The caller throws the first exception. Chunks that no thread has begun are not done.
            Interlocked.CompareExchange(ref _failure, exception, null);
            Interlocked.Exchange(ref _next, _chunks);
        }
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
