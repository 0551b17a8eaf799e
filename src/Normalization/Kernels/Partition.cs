using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>Work on items that do not depend on each other.</summary>
internal interface IJob
{
    void Run(nint start, nint end);
}

/// <summary>
/// Spreads a job over the thread pool without allocating. The caller works too and never waits for a helper that has not
/// started, so a busy pool only means less help.
/// </summary>
internal static class Partition
{
    public static int MaxDegree { get; set; } = Environment.ProcessorCount;

    /// <summary>The number of threads that a job over this many bytes of input is worth.</summary>
    public static int DegreeFor(long bytes) => bytes < Thresholds.ParallelBytes ? 1 : MaxDegree;

    public static void For<TJob>(in TJob job, nint count, int degree) where TJob : struct, IJob
    {
        int chunks = (int)Math.Min(count, (nint)degree * Thresholds.ChunksPerThread);
        Crew<TJob>? crew = degree > 1 && chunks > 1 ? Crew<TJob>.TryRent() : null;
        if (crew is null)
            job.Run(0, count);
        else
            crew.Run(in job, count, chunks, Math.Min(degree, chunks) - 1);
    }

    private sealed class Crew<TJob> : IThreadPoolWorkItem where TJob : struct, IJob
    {
        // A helper may still be on its way out of the last job when the next one begins; beyond these the caller works alone.
        private const int CrewsPerThread = 4;

        [ThreadStatic]
        private static Crew<TJob>[]? t_crews;

        private TJob _job;
        private nint _count;
        private int _chunks;
        private int _next;
        private int _finished;
        private int _helpers;

        public static Crew<TJob>? TryRent()
        {
            t_crews ??= [.. Enumerable.Range(0, CrewsPerThread).Select(static _ => new Crew<TJob>())];
            foreach (Crew<TJob> crew in t_crews)
            {
                if (Volatile.Read(ref crew._helpers) == 0)
                    return crew;
            }
            return null;
        }

        public void Run(in TJob job, nint count, int chunks, int helpers)
        {
            (_job, _count, _chunks, _next, _finished) = (job, count, chunks, 0, 0);
            Volatile.Write(ref _helpers, helpers);
            for (int i = 0; i < helpers; i++)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            Work();
            SpinWait wait = default;
            while (Volatile.Read(ref _finished) < chunks)
                wait.SpinOnce(sleep1Threshold: -1);
        }

        void IThreadPoolWorkItem.Execute()
        {
            Work();
            Interlocked.Decrement(ref _helpers);
        }

        private nint Bound(int chunk) => (_count / _chunks * chunk) + Math.Min(chunk, _count % _chunks);

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Work()
        {
            int chunk;
            while ((chunk = Interlocked.Increment(ref _next) - 1) < _chunks)
            {
                _job.Run(Bound(chunk), Bound(chunk + 1));
                Interlocked.Increment(ref _finished);
            }
        }
    }
}
