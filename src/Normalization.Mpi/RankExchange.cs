using System.Numerics.Tensors;

namespace Normalization.Mpi;

/// <summary>
/// The calls of ranks over one communicator. In front of the values of each rank is a frame, and a message has its length. So all ranks
/// notice where some make different calls, or give different numbers of values, and all make the same next call.
/// </summary>
internal sealed class RankExchange(Communicator ranks)
{
    // What is called, the number of values, the number of those that follow the frame, and the number of the call.
    private const int FrameLength = 4;

    // Up to so many values, gathering all costs less than the additional exchange of adding up slices.
    private const int ShortSum = 512;

    private readonly PinnedBuffer _blocks = new(), _slices = new();

    private enum Kind
    {
        Refusal,
        Gather,
        Sum,
        Slices,
        Split,
    }

    public void Gather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        Gather(Kind.Gather, values.Length, values);
        for (int rank = 0; rank < ranks.Size; rank++)
            ValuesOf(rank, values.Length).CopyTo(gathered[(rank * values.Length)..]);
    }

    /// <summary>
    /// Adds in the order of the ranks. Of many values each rank adds up a slice, and the ranks then gather the slices: twice the bytes
    /// of the values, however many ranks there are.
    /// </summary>
    public void Sum(Span<double> values)
    {
        bool isShort = values.Length <= ShortSum;
        Gather(Kind.Sum, values.Length, isShort ? values : []);
        if (isShort)
        {
            values.Clear();
            for (int rank = 0; rank < ranks.Size; rank++)
                TensorPrimitives.Add(values, ValuesOf(rank, values.Length), values);
            return;
        }
        int slice = (int)(((long)values.Length + ranks.Size - 1) / ranks.Size);
        Gather(Kind.Slices, values.Length, SumSlice(values, slice));
        for (int rank = 0; rank < ranks.Size; rank++)
        {
            int start = Math.Min(rank * slice, values.Length), count = Math.Min(slice, values.Length - start);
            ValuesOf(rank, slice)[..count].CopyTo(values[start..]);
        }
    }

    public Communicator Split(int group)
    {
        Gather(Kind.Split, 0, []);
        return ranks.Split(group);
    }

    /// <summary>Takes part in the call that the others make, so that they do not wait for a rank whose arguments are refused.</summary>
    public void Refuse()
    {
        try
        {
            Gather(Kind.Refusal, 0, []);
        }
        catch (CollectiveException)
        {
            // The caller throws what was wrong with the arguments, which says more.
        }
    }

    /// <summary>
    /// Gives every rank the frames and values of all, in ⌈log₂ P⌉ messages: after each message, a rank holds the blocks of twice as
    /// many ranks, its own first and then those of the ranks behind it.
    /// </summary>
    private void Gather(Kind kind, int length, ReadOnlySpan<double> values)
    {
        int size = ranks.Size, filled = FrameLength + values.Length;
        double call = ranks.BeginCall();
        _blocks.Reserve(checked(size * filled), 0);
        Span<double> own = _blocks.Array;
        (own[0], own[1], own[2], own[3]) = ((double)kind, length, values.Length, call);
        values.CopyTo(own[FrameLength..]);
        for (int distance = 1; distance < size; distance *= 2)
        {
            ranks.Send((ranks.Rank + size - distance) % size, _blocks, 0, LengthOf(Math.Min(distance, size - distance)));
            filled += ranks.Receive((ranks.Rank + distance) % size, _blocks, filled);
        }
        ranks.EndCall();
        GuardAgreement(kind);
    }

    /// <summary>This rank's slice of the sums; the ranks have agreed on its length.</summary>
    private ReadOnlySpan<double> SumSlice(ReadOnlySpan<double> values, int slice)
    {
        int size = ranks.Size, padded = checked(slice * size);
        _ = ranks.BeginCall();
        _slices.Reserve(checked((2 * padded) + slice), 0);
        values.CopyTo(_slices.Array);
        _slices.Array.AsSpan(values.Length, padded - values.Length).Clear();
        for (int distance = 1; distance < size; distance++)
        {
            int from = (ranks.Rank + size - distance) % size, to = (ranks.Rank + distance) % size;
            ranks.Send(to, _slices, to * slice, slice);
            _ = ranks.Receive(from, _slices, padded + (from * slice));
        }
        ranks.EndCall();
        Span<double> sum = _slices.Array.AsSpan(2 * padded, slice);
        sum.Clear();
        for (int rank = 0; rank < size; rank++)
            TensorPrimitives.Add(sum, _slices.Array.AsSpan((rank == ranks.Rank ? 0 : padded) + (rank * slice), slice), sum);
        return sum;
    }

    /// <summary>How many values the first blocks have together.</summary>
    private int LengthOf(int blocks)
    {
        int length = 0;
        for (int block = 0; block < blocks; block++)
            length += FrameLength + (int)_blocks.Array[length + 2];
        return length;
    }

    private ReadOnlySpan<double> FrameOf(int rank) =>
        _blocks.Array.AsSpan(LengthOf((rank + ranks.Size - ranks.Rank) % ranks.Size), FrameLength);

    /// <summary>The values of one rank, where all have agreed to give so many.</summary>
    private ReadOnlySpan<double> ValuesOf(int rank, int count)
    {
        int block = (rank + ranks.Size - ranks.Rank) % ranks.Size;
        return _blocks.Array.AsSpan((block * (FrameLength + count)) + FrameLength, count);
    }

    private void GuardAgreement(Kind kind)
    {
        bool agree = kind != Kind.Refusal;
        int start = 0;
        for (int block = 0; block < ranks.Size; block++)
        {
            ReadOnlySpan<double> frame = _blocks.Array.AsSpan(start, FrameLength);
            agree &= frame.SequenceEqual(_blocks.Array.AsSpan(0, FrameLength));
            start += FrameLength + (int)frame[2];
        }
        if (agree)
            return;
        IEnumerable<string> parts = Enumerable.Range(0, ranks.Size)
            .GroupBy(rank => Describe(FrameOf(rank)))
            .Select(static group =>
                $"{(group.Count() == 1 ? "rank" : "ranks")} {string.Join(", ", group.Select(static rank => $"{rank}"))}: {group.Key}");
        throw new CollectiveException(
            $"The ranks do not fit together ({string.Join("; ", parts)}). All ranks must make the same calls in the same order.");
    }

    private static string Describe(ReadOnlySpan<double> frame) => (Kind)frame[0] switch
    {
        Kind.Refusal => "arguments refused, as its own exception says",
        Kind.Gather => $"AllGather of {(int)frame[1]} values",
        Kind.Split => "Split",
        _ => $"AllReduce of {(int)frame[1]} values",
    };
}
