using System.Numerics.Tensors;

namespace Normalization;

/// <summary>Threads of one process as ranks: for data-parallel training in one process, and for tests.</summary>
/// <remarks>
/// A rank that is disposed has left: calls of the other ranks that would wait for it throw <see cref="CollectiveException"/>. A
/// thread that disposes its rank when it fails therefore never leaves the others waiting; <see cref="Run(int, Action{ICollective})"/>
/// does so. A thread that is interrupted while it waits leaves the exchange as if it had not called, and may call again.
/// </remarks>
public sealed class InMemoryCollective : ICollective, IDisposable
{
    private readonly GatherBarrier _barrier;

    private InMemoryCollective(GatherBarrier barrier, int rank)
    {
        _barrier = barrier;
        Rank = rank;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size => _barrier.Size;

    /// <summary>Creates the ranks of one collective, one object for each thread.</summary>
    /// <param name="size">The number of ranks; at least 1.</param>
    /// <returns>The ranks, in order.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive.</exception>
    public static IReadOnlyList<InMemoryCollective> Create(int size)
    {
        Guard.Positive(size);
        var barrier = new GatherBarrier(size);
        return [.. Enumerable.Range(0, size).Select(rank => new InMemoryCollective(barrier, rank))];
    }

    /// <summary>Runs a body once for each rank, each on a thread of its own, and waits for all of them.</summary>
    /// <param name="size">The number of ranks; at least 1.</param>
    /// <param name="body">What a rank does; it is given its rank of the collective.</param>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive.</exception>
    /// <exception cref="AggregateException">
    /// A rank threw, or its thread could not be started; the exceptions of all such ranks, in their order.
    /// </exception>
    public static void Run(int size, Action<ICollective> body) => Run(size, body, static thread => thread.Start());

    /// <summary>Runs the ranks on threads that the caller starts, so that a test can refuse to.</summary>
    internal static void Run(int size, Action<ICollective> body, Action<Thread> start)
    {
        ArgumentNullException.ThrowIfNull(body);
        IReadOnlyList<InMemoryCollective> ranks = Create(size);
        var failures = new Exception?[size];
        Thread[] threads = [.. ranks.Select(rank => new Thread(() =>
        {
            try
            {
                using (rank)
                    body(rank);
            }
#pragma warning disable CA1031 // Whatever a rank throws is handed to the caller.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                failures[rank.Rank] = failure;
            }
        })
        { Name = $"rank {rank.Rank} of {size}", IsBackground = true })];
        int started = 0;
        try
        {
            for (; started < size; started++)
                start(threads[started]);
        }
#pragma warning disable CA1031 // Whatever keeps a thread from starting is handed to the caller.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            // The ranks whose threads run would wait for a rank whose thread never starts.
            failures[started] = failure;
            ranks[started].Dispose();
        }
        foreach (Thread thread in threads.AsSpan(0, started))
            thread.Join();
        Exception[] thrown = [.. failures.OfType<Exception>()];
        if (thrown.Length > 0)
            throw new AggregateException(thrown);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        try
        {
            Guard.Length<double>(gathered, (long)Size * values.Length, nameof(gathered), "Size · values.Length");
        }
        catch (ArgumentException)
        {
            _barrier.Refuse(Rank);
            throw;
        }
        double[][] contributions = _barrier.Exchange(Rank, values);
        for (int rank = 0; rank < Size; rank++)
            contributions[rank].AsSpan(0, values.Length).CopyTo(gathered.Slice(rank * values.Length, values.Length));
    }

    /// <inheritdoc/>
    public void AllReduce(Span<double> values)
    {
        double[][] contributions = _barrier.Exchange(Rank, values);
        values.Clear();
        foreach (double[] contribution in contributions)
            TensorPrimitives.Add(values, contribution.AsSpan(0, values.Length), values);
    }

    /// <summary>Leaves: calls that wait for this rank throw, now and later.</summary>
    public void Dispose() => _barrier.Leave(Rank);
}
