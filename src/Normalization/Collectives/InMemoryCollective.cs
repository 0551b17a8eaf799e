using System.Numerics.Tensors;

namespace Normalization;

/// <summary>Threads of one process as ranks: for data-parallel training in one process, and for tests.</summary>
/// <remarks>
/// A rank that is disposed has left: calls of the other ranks that would wait for it throw <see cref="CollectiveException"/>. A
/// thread that disposes its rank when it fails therefore never leaves the others waiting; <see cref="Run"/> does so.
/// </remarks>
public sealed class InMemoryCollective : ICollective, IDisposable
{
    private readonly Meeting _meeting;

    private InMemoryCollective(Meeting meeting, int rank)
    {
        _meeting = meeting;
        Rank = rank;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size => _meeting.Size;

    /// <summary>Creates the ranks of one collective, one object for each thread.</summary>
    /// <param name="size">The number of ranks; at least 1.</param>
    /// <returns>The ranks, in order.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive.</exception>
    public static IReadOnlyList<InMemoryCollective> Create(int size)
    {
        Guard.Positive(size);
        var meeting = new Meeting(size);
        return [.. Enumerable.Range(0, size).Select(rank => new InMemoryCollective(meeting, rank))];
    }

    /// <summary>Runs a body once for each rank, each on a thread of its own, and waits for all of them.</summary>
    /// <param name="size">The number of ranks; at least 1.</param>
    /// <param name="body">What a rank does; it is given its rank of the collective.</param>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive.</exception>
    /// <exception cref="AggregateException">A rank threw; the exceptions of all ranks that did, in their order.</exception>
    public static void Run(int size, Action<ICollective> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        Guard.Positive(size);
        var failures = new Exception?[size];
        Thread[] threads = [.. Create(size).Select(rank => new Thread(() =>
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
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Exception[] thrown = [.. failures.OfType<Exception>()];
        if (thrown.Length > 0)
            throw new AggregateException(thrown);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        Guard.Length<double>(gathered, (long)Size * values.Length, nameof(gathered), "Size · values.Length");
        double[][] contributions = _meeting.Exchange(Rank, values);
        for (int rank = 0; rank < Size; rank++)
            contributions[rank].AsSpan(0, values.Length).CopyTo(gathered.Slice(rank * values.Length, values.Length));
    }

    /// <inheritdoc/>
    public void AllReduce(Span<double> values)
    {
        double[][] contributions = _meeting.Exchange(Rank, values);
        values.Clear();
        foreach (double[] contribution in contributions)
            TensorPrimitives.Add(values, contribution.AsSpan(0, values.Length), values);
    }

    /// <summary>Leaves: calls that wait for this rank throw, now and later.</summary>
    public void Dispose() => _meeting.Leave(Rank);

    /// <summary>
    /// Where the ranks of one collective meet. There are two tables, used in turn: whoever lays something on a table again knows
    /// that all have been at the other one since, and so are done with this one.
    /// </summary>
    private sealed class Meeting(int size)
    {
        private readonly object _door = new();
        private readonly Table[] _tables = [new(size), new(size)];
        private int _arrived;
        private int _round;
        private int? _left;

        public int Size => size;

        /// <summary>Lays down the values of one rank, waits for the others, and returns those of all.</summary>
        public double[][] Exchange(int rank, ReadOnlySpan<double> values)
        {
            // The round cannot end without this rank.
            int round = Volatile.Read(ref _round);
            Table table = _tables[round & 1];
            table.Lay(rank, values);
            lock (_door)
            {
                ThrowIfLeft(round);
                if (++_arrived == size)
                {
                    _arrived = 0;
                    _round++;
                    Monitor.PulseAll(_door);
                }
                while (_round == round)
                {
                    Monitor.Wait(_door);
                    ThrowIfLeft(round);
                }
            }
            return table.Take();
        }

        public void Leave(int rank)
        {
            lock (_door)
            {
                _left ??= rank;
                Monitor.PulseAll(_door);
            }
        }

        /// <summary>A rank that left after the round has done its part of it.</summary>
        private void ThrowIfLeft(int round)
        {
            if (_left is int rank && _round == round)
                throw new CollectiveException($"Rank {rank} of {size} has left the collective: it ended or failed, and nothing can be exchanged any more.");
        }
    }

    private sealed class Table(int size)
    {
        private readonly double[][] _values = [.. Enumerable.Repeat<double[]>([], size)];
        private readonly int[] _lengths = new int[size];

        public void Lay(int rank, ReadOnlySpan<double> values)
        {
            if (_values[rank].Length < values.Length)
                _values[rank] = new double[values.Length];
            values.CopyTo(_values[rank]);
            _lengths[rank] = values.Length;
        }

        public double[][] Take()
        {
            if (_lengths.AsSpan().ContainsAnyExcept(_lengths[0]))
            {
                throw new CollectiveException(
                    $"The ranks gave different numbers of values, in their order {string.Join(", ", _lengths)}: all must make the same calls in the same order.");
            }
            return _values;
        }
    }
}
