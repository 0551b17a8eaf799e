namespace Normalization.Mpi;

/// <summary>MPI in this process: how it begins and how it ends.</summary>
internal static class MpiProcess
{
    private static readonly Lock _gate = new();

    // Those whose ranks have not all left yet.
    private static readonly List<Communicator> _communicators = [];

    private static MpiCollective? s_world;

    public static MpiCollective World
    {
        get
        {
            lock (_gate)
                return s_world ??= Start();
        }
    }

    /// <summary>Keeps a communicator until all ranks have left it, and frees those that they have left.</summary>
    public static Communicator Keep(Communicator communicator)
    {
        lock (_gate)
        {
            _communicators.RemoveAll(static communicator => communicator.HasLeft && communicator.TryFree());
            _communicators.Add(communicator);
        }
        return communicator;
    }

    private static MpiCollective Start()
    {
        MpiLibrary library = MpiLibrary.Load();
        MpiLibrary.Check(NativeMethods.MPI_Finalized(out int isFinalized), nameof(NativeMethods.MPI_Finalized));
        if (isFinalized != 0)
            throw new CollectiveException("MPI has been finished in this process and cannot be initialized again.");
        MpiLibrary.Check(NativeMethods.MPI_Initialized(out int isInitialized), nameof(NativeMethods.MPI_Initialized));
        int threads;
        if (isInitialized == 0)
        {
            MpiLibrary.Check(
                NativeMethods.MPI_Init_thread(0, 0, NativeMethods.ThreadSerialized, out threads), nameof(NativeMethods.MPI_Init_thread));
        }
        else
        {
            MpiLibrary.Check(NativeMethods.MPI_Query_thread(out threads), nameof(NativeMethods.MPI_Query_thread));
        }
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Finish(library, ownsMpi: isInitialized == 0);
        if (threads < NativeMethods.ThreadSerialized)
        {
            throw new CollectiveException(
                $"{library.Name} allows calls from one thread alone; .NET needs MPI_THREAD_SERIALIZED, to be asked for in "
                    + "MPI_Init_thread.");
        }
        MpiLibrary.Check(NativeMethods.MPI_Comm_size(library.World, out int size), nameof(NativeMethods.MPI_Comm_size));
        if (size == 1 && MpiLibrary.LaunchedSize is > 1 and int launched)
        {
            throw new CollectiveException(
                $"The launcher has started {launched} processes, but {library.Name} sees one: the launcher belongs to another MPI. "
                + "Use the mpirun of that library, or name the library of the launcher in the environment variable "
                + $"{MpiLibrary.PathVariable}.");
        }
        // A communicator of our own keeps our messages apart from those of other libraries in the process.
        nint communicator = 0;
        MpiLibrary.Check(NativeMethods.MPI_Comm_dup(library.World, ref communicator), nameof(NativeMethods.MPI_Comm_dup));
        return new(library, Keep(new(library, communicator)));
    }

    /// <summary>
    /// A process that failed must not wait for the others, who may be waiting for it. One that ends in order tells them so, and waits
    /// until they end too.
    /// </summary>
    private static void Finish(MpiLibrary library, bool ownsMpi)
    {
        if (NativeMethods.MPI_Finalized(out int isFinalized) != NativeMethods.Success || isFinalized != 0)
            return;
        if (Environment.ExitCode == 0 && LeaveAll())
        {
            if (ownsMpi)
                _ = NativeMethods.MPI_Finalize();
        }
        else if (ownsMpi)
        {
            _ = NativeMethods.MPI_Abort(library.World, Environment.ExitCode == 0 ? 1 : Environment.ExitCode);
        }
    }

    private static bool LeaveAll()
    {
        try
        {
            foreach (Communicator communicator in _communicators)
                communicator.Leave();
            var wait = default(Waiting);
            while (_communicators.RemoveAll(static communicator => communicator.TryFree()) >= 0 && _communicators.Count > 0)
                wait.Pause();
            return true;
        }
        catch (CollectiveException)
        {
            return false;
        }
    }
}
