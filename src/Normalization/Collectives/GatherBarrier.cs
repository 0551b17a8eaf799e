namespace Normalization;

/// <summary>
/// The barrier at which the ranks of one <see cref="InMemoryCollective"/> exchange values. Two tables are used alternately: a rank that
/// writes to a table again knows that all ranks have used the other table since, and no longer read this one.
/// </summary>
internal sealed class GatherBarrier(int size)
{
    private readonly object _door = new();
    private readonly Table[] _tables = [new(size), new(size)];
    private int _arrived;
    private int _round;
    private int? _left;

    public int Size => size;

    /// <summary>Gives the values of one rank, waits for the other ranks, and returns the values of all.</summary>
    public double[][] Exchange(int rank, ReadOnlySpan<double> values)
    {
        // The round cannot end without this rank.
        int round = Volatile.Read(ref _round);
        Table table = _tables[round & 1];
        table.Lay(rank, values);
        Await(round);
        return table.Take();
    }

    /// <summary>Takes part in the round without values, so that the others do not wait for a rank whose arguments are refused.</summary>
    public void Refuse(int rank)
    {
        int round = Volatile.Read(ref _round);
        _tables[round & 1].LayNothing(rank);
        try
        {
            Await(round);
        }
        catch (CollectiveException)
        {
            // The caller throws what was wrong with the arguments, which says more.
        }
    }

    public void Leave(int rank)
    {
        bool isInterrupted = false, hasLeft = false;
        while (!hasLeft)
        {
            try
            {
                lock (_door)
                {
                    _left ??= rank;
                    Monitor.PulseAll(_door);
                    hasLeft = true;
                }
            }
            catch (ThreadInterruptedException)
            {
                // The other ranks must be told in any case.
                isInterrupted = true;
            }
        }
        if (isInterrupted)
            Thread.CurrentThread.Interrupt();
    }

    private void Await(int round)
    {
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
                WaitForOthers(round);
                ThrowIfLeft(round);
            }
        }
    }

    private void WaitForOthers(int round)
    {
        try
        {
            Monitor.Wait(_door);
        }
        catch (ThreadInterruptedException) when (_round == round)
        {
            // A rank that calls again must not be counted twice.
            _arrived--;
            throw;
        }
        catch (ThreadInterruptedException)
        {
            // The others have this rank's values already: the call has succeeded, and the next wait is interrupted instead.
            Thread.CurrentThread.Interrupt();
        }
    }

    /// <summary>A rank that left after the round has taken part in the round.</summary>
    private void ThrowIfLeft(int round)
    {
        if (_left is int rank && _round == round)
        {
            throw new CollectiveException(
                $"Rank {rank} of {size} has left the collective: it ended or failed, and nothing can be exchanged any more.");
        }
    }

    private sealed class Table(int size)
    {
        private const int Refused = -1;

        private readonly double[][] _values = [.. Enumerable.Repeat<double[]>([], size)];
        private readonly int[] _lengths = new int[size];

        public void Lay(int rank, ReadOnlySpan<double> values)
        {
            if (_values[rank].Length < values.Length)
                _values[rank] = new double[values.Length];
            values.CopyTo(_values[rank]);
            _lengths[rank] = values.Length;
        }

        public void LayNothing(int rank) => _lengths[rank] = Refused;

        public double[][] Take()
        {
            if (_lengths.AsSpan().ContainsAnyExcept(_lengths[0]))
            {
                IEnumerable<string> lengths = _lengths.Select(static length => length == Refused ? "refused" : $"{length}");
                throw new CollectiveException(
                    $"The ranks gave different numbers of values, in their order {string.Join(", ", lengths)}: "
                    + "all must make the same calls in the same order.");
            }
            return _values;
        }
    }
}
