using System.Buffers;
using System.Numerics.Tensors;

namespace Normalization.Mpi;

/// <summary>The processes of an MPI job as ranks, on the MPI that is installed: Open MPI, or MPICH and its descendants.</summary>
/// <remarks>
/// <para>
/// The library is loaded when <see cref="Initialize"/> is called: <c>libmpi.so.40</c>, <c>libmpi.so.12</c> or
/// <c>libmpich.so.12</c>, that of the launcher first, or the one that the environment variable NORMALIZATION_MPI_LIBRARY names.
/// </para>
/// <para>
/// A process that ends with exit code 0 finishes MPI in order, which waits for the others; with another exit code it ends all
/// processes of the job. One that crashes or is killed is noticed by the launcher, which ends the others. MPI is called by one
/// thread at a time in a process.
/// </para>
/// </remarks>
public sealed class MpiCollective : ICollective
{
    private static readonly Lock _gate = new();

    private static MpiCollective? s_world;

    private readonly MpiLibrary _library;
    private readonly nint _communicator;

    private MpiCollective(MpiLibrary library, nint communicator)
    {
        _library = library;
        _communicator = communicator;
        Check(NativeMethods.MPI_Comm_set_errhandler(communicator, library.ErrorsReturn), nameof(NativeMethods.MPI_Comm_set_errhandler));
        Check(NativeMethods.MPI_Comm_rank(communicator, out int rank), nameof(NativeMethods.MPI_Comm_rank));
        Check(NativeMethods.MPI_Comm_size(communicator, out int size), nameof(NativeMethods.MPI_Comm_size));
        (Rank, Size) = (rank, size);
    }

    /// <summary>Gets a value indicating whether an MPI launcher (mpirun, mpiexec, srun) has started this process; MPI need not be installed.</summary>
    public static bool IsLaunched => MpiLibrary.IsLaunched;

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>Gets the name and the version of the MPI library.</summary>
    public string Library => _library.Name;

    /// <summary>
    /// Initialises MPI, unless somebody has, and returns all processes of the job: a single one where no launcher has started it.
    /// All processes must call it. Later calls return the same object.
    /// </summary>
    /// <returns>The collective of all processes.</returns>
    /// <exception cref="DllNotFoundException">No MPI library is installed, or none that is known; the message says what to install.</exception>
    /// <exception cref="CollectiveException">The library is not that of the launcher, allows one thread alone, has been finished, or failed.</exception>
    public static MpiCollective Initialize()
    {
        lock (_gate)
            return s_world ??= Start();
    }

    /// <summary>Divides the ranks into groups that exchange among themselves alone. All ranks must call it.</summary>
    /// <param name="group">The group of this rank; at least 0. Ranks keep their order in it.</param>
    /// <returns>The collective of this rank's group.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="group"/> is negative.</exception>
    /// <exception cref="CollectiveException">The exchange failed.</exception>
    public MpiCollective Split(int group)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        nint part = 0;
        Check(NativeMethods.MPI_Comm_split(_communicator, group, Rank, ref part), nameof(NativeMethods.MPI_Comm_split));
        return new(_library, part);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        if (gathered.Length != (long)Size * values.Length)
            throw new ArgumentException($"gathered must have Size · values.Length = {(long)Size * values.Length} elements, got {gathered.Length}.", nameof(gathered));
        Check(
            NativeMethods.MPI_Allgather(values, values.Length, _library.Double, gathered, values.Length, _library.Double, _communicator),
            nameof(NativeMethods.MPI_Allgather));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Each rank adds up a slice of the values, and the ranks then gather the slices: two exchanges and twice the bytes of the
    /// values, however many ranks there are. MPI_Allreduce may add in another order, and another MPI in yet another one.
    /// </remarks>
    public void AllReduce(Span<double> values)
    {
        int slice = (int)(((long)values.Length + Size - 1) / Size), padded = checked(slice * Size);
        double[] rented = ArrayPool<double>.Shared.Rent(checked((2 * padded) + slice));
        try
        {
            Span<double> sent = rented.AsSpan(0, padded), received = rented.AsSpan(padded, padded), sum = rented.AsSpan(2 * padded, slice);
            values.CopyTo(sent);
            sent[values.Length..].Clear();
            Check(
                NativeMethods.MPI_Alltoall(sent, slice, _library.Double, received, slice, _library.Double, _communicator),
                nameof(NativeMethods.MPI_Alltoall));
            sum.Clear();
            for (int rank = 0; rank < Size; rank++)
                TensorPrimitives.Add(sum, received.Slice(rank * slice, slice), sum);
            AllGather(sum, sent);
            sent[..values.Length].CopyTo(values);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(rented);
        }
    }

    private static MpiCollective Start()
    {
        MpiLibrary library = MpiLibrary.Load();
        Check(NativeMethods.MPI_Finalized(out int isFinalized), nameof(NativeMethods.MPI_Finalized));
        if (isFinalized != 0)
            throw new CollectiveException("MPI has been finished in this process and cannot be initialised again.");
        Check(NativeMethods.MPI_Initialized(out int isInitialized), nameof(NativeMethods.MPI_Initialized));
        int threads;
        if (isInitialized == 0)
        {
            Check(NativeMethods.MPI_Init_thread(0, 0, NativeMethods.ThreadSerialized, out threads), nameof(NativeMethods.MPI_Init_thread));
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Finish(library);
        }
        else
        {
            Check(NativeMethods.MPI_Query_thread(out threads), nameof(NativeMethods.MPI_Query_thread));
        }
        if (threads < NativeMethods.ThreadSerialized)
            throw new CollectiveException($"{library.Name} allows calls from one thread alone; .NET needs MPI_THREAD_SERIALIZED, to be asked for in MPI_Init_thread.");
        Check(NativeMethods.MPI_Comm_size(library.World, out int size), nameof(NativeMethods.MPI_Comm_size));
        if (size == 1 && MpiLibrary.LaunchedSize is > 1 and int launched)
        {
            throw new CollectiveException(
                $"The launcher has started {launched} processes, but {library.Name} sees one: the launcher belongs to another MPI. "
                + $"Use the mpirun of that library, or name the library of the launcher in the environment variable {MpiLibrary.PathVariable}.");
        }
        // A communicator of our own keeps our messages apart from those of other libraries in the process.
        nint communicator = 0;
        Check(NativeMethods.MPI_Comm_dup(library.World, ref communicator), nameof(NativeMethods.MPI_Comm_dup));
        return new(library, communicator);
    }

    /// <summary>A process that failed must not wait for the others, who may be waiting for it.</summary>
    private static void Finish(MpiLibrary library)
    {
        if (NativeMethods.MPI_Finalized(out int isFinalized) != NativeMethods.Success || isFinalized != 0)
            return;
        if (Environment.ExitCode == 0)
            _ = NativeMethods.MPI_Finalize();
        else
            _ = NativeMethods.MPI_Abort(library.World, Environment.ExitCode);
    }

    private static void Check(int error, string function)
    {
        if (error != NativeMethods.Success)
            throw new CollectiveException($"{function} failed: {MpiLibrary.Describe(error)}");
    }
}
