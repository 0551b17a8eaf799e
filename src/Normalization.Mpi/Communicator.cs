using System.Runtime.InteropServices;

namespace Normalization.Mpi;

/// <summary>
/// Messages of any length between the ranks of one communicator of MPI. The length of a message is read before the message is received.
/// A rank that waits is told of ranks that have left.
/// </summary>
internal sealed class Communicator
{
    private const int DataTag = 0, NewsTag = 1;

    // The rank that leaves, and how many calls it has taken part in.
    private const int NewsLength = 2;

    // MPI_Status has 20 to 24 bytes.
    private const int StatusLength = 8;

    private readonly MpiLibrary _library;
    private readonly List<Transfer> _sends = [];
    private readonly PinnedBuffer _news = new();
    private nint _handle;
    private double _calls;
    private bool _isInCall;
    private int _leavers;
    private (int Rank, double Calls)? _firstLeaver;

    public Communicator(MpiLibrary library, nint handle)
    {
        (_library, _handle) = (library, handle);
        MpiLibrary.Check(
            NativeMethods.MPI_Comm_set_errhandler(handle, library.ErrorsReturn), nameof(NativeMethods.MPI_Comm_set_errhandler));
        MpiLibrary.Check(NativeMethods.MPI_Comm_rank(handle, out int rank), nameof(NativeMethods.MPI_Comm_rank));
        MpiLibrary.Check(NativeMethods.MPI_Comm_size(handle, out int size), nameof(NativeMethods.MPI_Comm_size));
        (Rank, Size) = (rank, size);
    }

    public int Rank { get; }

    public int Size { get; }

    /// <summary>Gets a value indicating whether this rank takes part no more.</summary>
    public bool HasLeft { get; private set; }

    /// <summary>Begins a call, in which all ranks take part.</summary>
    /// <returns>Its number, the same on all ranks.</returns>
    public double BeginCall()
    {
        ObjectDisposedException.ThrowIf(HasLeft, typeof(MpiCollective));
        ThrowIfLeft();
        if (_isInCall)
        {
            throw new CollectiveException(
                "An earlier exchange of this collective has failed in the middle, and nothing can be exchanged any more.");
        }
        _isInCall = true;
        return _calls + 1;
    }

    /// <summary>Ends a call when all its messages are on their way, and their memory is free.</summary>
    public void EndCall()
    {
        var wait = default(Waiting);
        while (!AreSendsDone())
            Pause(ref wait);
        _calls++;
        _isInCall = false;
    }

    /// <summary>Begins to send a part of a buffer, which must stay as it is until the call ends.</summary>
    public void Send(int rank, PinnedBuffer buffer, int start, int count) => Send(rank, DataTag, buffer.Array, start, count);

    /// <summary>Waits for a message and receives it, behind what the buffer holds already.</summary>
    /// <returns>The length of the message.</returns>
    public int Receive(int rank, PinnedBuffer buffer, int held)
    {
        var wait = default(Waiting);
        nint message = 0;
        int count;
        while (!IsMatched(rank, DataTag, ref message, out count))
            Pause(ref wait);
        nint request = BeginReceive(ref message, buffer, held, count);
        while (!IsDone(ref request))
            Pause(ref wait);
        return count;
    }

    /// <summary>Divides the ranks; all must have agreed to do so.</summary>
    public Communicator Split(int group)
    {
        nint part = 0;
        MpiLibrary.Check(NativeMethods.MPI_Comm_split(_handle, group, Rank, ref part), nameof(NativeMethods.MPI_Comm_split));
        return new(_library, part);
    }

    /// <summary>Tells the others that this rank takes part no more, without waiting for them.</summary>
    public void Leave()
    {
        if (HasLeft)
            return;
        HasLeft = true;
        double[] news = PinnedBuffer.Allocate(NewsLength);
        (news[0], news[1]) = (Rank, _calls);
        for (int distance = 1; distance < Size; distance++)
            Send((Rank + distance) % Size, NewsTag, news, 0, NewsLength);
    }

    /// <summary>
    /// Frees the communicator if all ranks have left and nothing is on its way any more. Messages of a call that has failed are
    /// received and dropped.
    /// </summary>
    /// <returns>Whether it is free.</returns>
    public bool TryFree()
    {
        if (_handle == 0)
            return true;
        while (HearNews())
        {
        }
        var dropped = new PinnedBuffer();
        nint message = 0;
        while (IsMatched(_library.AnySource, DataTag, ref message, out int count))
            Finish(BeginReceive(ref message, dropped, 0, count));
        if (!AreSendsDone() || _leavers < Size - 1)
            return false;
        MpiLibrary.Check(NativeMethods.MPI_Comm_free(ref _handle), nameof(NativeMethods.MPI_Comm_free));
        _handle = 0;
        return true;
    }

    private void Send(int rank, int tag, double[] pinned, int start, int count)
    {
        nint request = 0;
        MpiLibrary.Check(
            NativeMethods.MPI_Isend(pinned.AsSpan(start, count), count, _library.Double, rank, tag, _handle, ref request),
            nameof(NativeMethods.MPI_Isend));
        _sends.Add(new() { Request = request, Memory = pinned });
    }

    private void Pause(ref Waiting wait)
    {
        wait.Pause();
        if (wait.IsLong && HearNews())
            ThrowIfLeft();
    }

    private bool HearNews()
    {
        nint message = 0;
        if (!IsMatched(_library.AnySource, NewsTag, ref message, out int count))
            return false;
        Finish(BeginReceive(ref message, _news, 0, count));
        _leavers++;
        (int Rank, double Calls) leaver = ((int)_news.Array[0], _news.Array[1]);
        if (_firstLeaver is not (_, double calls) || leaver.Calls < calls)
            _firstLeaver = leaver;
        return true;
    }

    /// <summary>A rank that left after this call has taken part in it.</summary>
    private void ThrowIfLeft()
    {
        if (_firstLeaver is (int rank, double calls) && calls <= _calls)
        {
            throw new CollectiveException(
                $"Rank {rank} of {Size} has left the collective: it ended or failed, and nothing can be exchanged any more.");
        }
    }

    private bool IsMatched(int rank, int tag, ref nint message, out int count)
    {
        Span<long> status = stackalloc long[StatusLength];
        MpiLibrary.Check(
            NativeMethods.MPI_Improbe(rank, tag, _handle, out int isThere, ref message, status), nameof(NativeMethods.MPI_Improbe));
        count = 0;
        if (isThere != 0)
            MpiLibrary.Check(NativeMethods.MPI_Get_count(status, _library.Double, out count), nameof(NativeMethods.MPI_Get_count));
        return isThere != 0;
    }

    private nint BeginReceive(ref nint message, PinnedBuffer buffer, int held, int count)
    {
        buffer.Reserve(held + count, held);
        nint request = 0;
        MpiLibrary.Check(
            NativeMethods.MPI_Imrecv(buffer.Array.AsSpan(held, count), count, _library.Double, ref message, ref request),
            nameof(NativeMethods.MPI_Imrecv));
        message = 0;
        return request;
    }

    private bool AreSendsDone()
    {
        foreach (ref Transfer send in CollectionsMarshal.AsSpan(_sends))
        {
            if (!IsDone(ref send.Request))
                return false;
        }
        _sends.Clear();
        return true;
    }

    private static void Finish(nint request)
    {
        var wait = default(Waiting);
        while (!IsDone(ref request))
            wait.Pause();
    }

    private static bool IsDone(ref nint request)
    {
        Span<long> status = stackalloc long[StatusLength];
        MpiLibrary.Check(NativeMethods.MPI_Test(ref request, out int isDone, status), nameof(NativeMethods.MPI_Test));
        return isDone != 0;
    }

    /// <summary>What MPI still sends, and the memory that it reads.</summary>
    private struct Transfer
    {
        public nint Request;
        public double[] Memory;
    }
}
