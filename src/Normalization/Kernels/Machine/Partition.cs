namespace Normalization.Kernels.Machine;

/// <summary>Work on items that do not depend on each other. It rents no memory: all that it needs is there before it begins.</summary>
internal interface IJob
{
    void Run(nint start, nint end);
}

/// <summary>The same for work that needs memory for each thread: no two threads have the same number, which is below the degree.</summary>
internal interface IWorkerJob
{
    void Run(nint start, nint end, int worker);
}

/// <summary>Spreads a job over the thread pool without allocating.</summary>
internal static class Partition
{
    public static int MaxDegree { get; set; } = Environment.ProcessorCount;

    /// <summary>The number of threads that a job over this many bytes of input is worth.</summary>
    public static int DegreeFor(long bytes) => Degree(bytes, MaxDegree);

    /// <summary>The same where there are so many processors: every thread has enough to do.</summary>
    public static int Degree(long bytes, int processors) =>
        bytes < Thresholds.ParallelBytes
            ? 1
            : (int)Math.Min(bytes / Thresholds.BytesPerThread, Math.Min(processors, Thresholds.MostThreads));

    /// <summary>Whether so many equal items, one thread for each, leave the threads at most a quarter of the time without work.</summary>
    public static bool KeepsBusy(nint items, int degree) => 4 * items >= 3 * degree * ((items + degree - 1) / degree);

    public static void For<TJob>(in TJob job, nint count, int degree) where TJob : struct, IJob
    {
        // A copy of the job would cost more than a short row.
        if (degree == 1)
            job.Run(0, count);
        else
            ForWorkers(new AnyWorker<TJob>(job), count, degree);
    }

    /// <summary>An exception of any thread is thrown here, after all threads have left the job.</summary>
    public static void ForWorkers<TJob>(in TJob job, nint count, int degree) where TJob : struct, IWorkerJob
    {
        int chunks = (int)Math.Min(count, (nint)degree * Thresholds.ChunksPerThread);
        int helpers = Math.Min(degree, chunks) - 1;
        ThreadTeam<TJob>? team = helpers > 0 ? ThreadTeam<TJob>.TryRent(helpers) : null;
        if (team is null)
            job.Run(0, count, worker: 0);
        else
            team.Run(in job, count, chunks, helpers);
    }

    private readonly struct AnyWorker<TJob>(in TJob job) : IWorkerJob where TJob : struct, IJob
    {
        private readonly TJob _job = job;

        public void Run(nint start, nint end, int worker) => _job.Run(start, end);
    }
}
