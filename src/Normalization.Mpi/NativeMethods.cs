using System.Runtime.InteropServices;

namespace Normalization.Mpi;

/// <summary>
/// The C interface of MPI. Handles are pointers in Open MPI and 32-bit integers in MPICH; an integer in a register or a stack slot
/// of its own is passed as the lower half of a pointer, and what is written to a pointer that was zero is read as its lower half.
/// </summary>
internal static partial class NativeMethods
{
    /// <summary>Stands for whichever library <see cref="MpiLibrary"/> has found.</summary>
    public const string Mpi = "mpi";

    public const int Success = 0;

    /// <summary>Any thread may call, one at a time.</summary>
    public const int ThreadSerialized = 2;

    [LibraryImport(Mpi)]
    public static partial int MPI_Initialized(out int flag);

    [LibraryImport(Mpi)]
    public static partial int MPI_Init_thread(nint argumentCount, nint arguments, int required, out int provided);

    [LibraryImport(Mpi)]
    public static partial int MPI_Query_thread(out int provided);

    [LibraryImport(Mpi)]
    public static partial int MPI_Finalized(out int flag);

    [LibraryImport(Mpi)]
    public static partial int MPI_Finalize();

    [LibraryImport(Mpi)]
    public static partial int MPI_Abort(nint communicator, int exitCode);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_rank(nint communicator, out int rank);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_size(nint communicator, out int size);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_dup(nint communicator, ref nint duplicate);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_split(nint communicator, int color, int key, ref nint part);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_set_errhandler(nint communicator, nint handler);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_free(ref nint communicator);

    [LibraryImport(Mpi)]
    public static partial int MPI_Isend(
        ReadOnlySpan<double> sent, int count, nint type, int destination, int tag, nint communicator, ref nint request);

    [LibraryImport(Mpi)]
    public static partial int MPI_Improbe(int source, int tag, nint communicator, out int flag, ref nint message, Span<long> status);

    [LibraryImport(Mpi)]
    public static partial int MPI_Get_count(ReadOnlySpan<long> status, nint type, out int count);

    [LibraryImport(Mpi)]
    public static partial int MPI_Imrecv(Span<double> received, int count, nint type, ref nint message, ref nint request);

    [LibraryImport(Mpi)]
    public static partial int MPI_Test(ref nint request, out int flag, Span<long> status);

    [LibraryImport(Mpi)]
    public static partial int MPI_Error_string(int error, Span<byte> text, out int length);

    [LibraryImport(Mpi)]
    public static partial int MPI_Get_library_version(Span<byte> text, out int length);

    /// <summary>Sets a variable of the environment that native code sees; the one of .NET is a copy.</summary>
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetEnvironmentVariable(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "usleep")]
    public static partial int SleepMicroseconds(uint microseconds);
}
