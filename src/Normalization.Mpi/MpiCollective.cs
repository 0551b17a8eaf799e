namespace Normalization.Mpi;

/// <summary>The processes of an MPI job as ranks, on the MPI that is installed: Open MPI, or MPICH and its descendants.</summary>
/// <remarks>
/// <para>
/// The library is loaded when <see cref="Initialize"/> is called: <c>libmpi.so.40</c>, <c>libmpi.so.12</c> or <c>libmpich.so.12</c>. The
/// library of the launcher is tried first. If the environment variable NORMALIZATION_MPI_LIBRARY names a library, that library is loaded
/// instead.
/// </para>
/// <para>
/// A call of any rank that would wait for a process that has ended, or has disposed its collective, throws
/// <see cref="CollectiveException"/>. A process that ends with exit code 0 finishes MPI in order and waits until the others end; with
/// another exit code it ends all processes of the job. One that crashes or is killed is noticed by the launcher, which ends the
/// others. MPI is called by one thread at a time in a process.
/// </para>
/// <para>
/// Ranks that make different calls, or give different numbers of values, all get a <see cref="CollectiveException"/> that says what
/// each of them called, and can go on. A rank that waits for longer than about a millisecond sleeps in between, so that there may be
/// more ranks than processors.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// // mpirun -n 4 dotnet Train.dll
/// using MpiCollective ranks = MpiCollective.Initialize();
/// var norm = new BatchNorm2d&lt;float>(16);
/// norm.Synchronize(ranks);  // the statistics of a batch are those of the images of all ranks
/// Tensor&lt;float> y = norm.Forward(Tensor&lt;float>.RandomNormal([2, 16, 8, 8], seed: ranks.Rank));
/// norm.Backward(y);
/// ranks.AllReduceGradients(norm.Parameters);
/// </code>
/// </example>
public sealed class MpiCollective : ICollective, IDisposable
{
    private readonly MpiLibrary _library;
    private readonly Communicator _ranks;
    private readonly RankExchange _exchange;

    internal MpiCollective(MpiLibrary library, Communicator ranks)
    {
        (_library, _ranks, _exchange) = (library, ranks, new(ranks));
    }

    /// <summary>
    /// Gets a value indicating whether an MPI launcher (mpirun, mpiexec, srun) has started this process; MPI need not be installed.
    /// </summary>
    public static bool IsLaunched => MpiLibrary.IsLaunched;

    /// <inheritdoc/>
    public int Rank => _ranks.Rank;

    /// <inheritdoc/>
    public int Size => _ranks.Size;

    /// <summary>Gets the name and the version of the MPI library.</summary>
    public string Library => _library.Name;

    /// <summary>
    /// Initializes MPI, unless it is initialized, and returns all processes of the job: a single one where no launcher has started it.
    /// All processes must call it. Later calls return the same object.
    /// </summary>
    /// <returns>The collective of all processes.</returns>
    /// <exception cref="DllNotFoundException">No MPI library is installed, or none that is known; the message says what to
    /// install.</exception>
    /// <exception cref="CollectiveException">The library is not that of the launcher, allows one thread alone, has been finished, or
    /// failed.</exception>
    public static MpiCollective Initialize() => MpiProcess.World;

    /// <summary>Divides the ranks into groups that exchange among themselves alone. All ranks must call it.</summary>
    /// <remarks>Dispose the group when it is not needed any more: MPI has some thousand of them at a time and no more.</remarks>
    /// <param name="group">The group of this rank; at least 0. Ranks keep their order in it.</param>
    /// <returns>The collective of this rank's group.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="group"/> is negative. The other ranks get a <see cref="CollectiveException"/>.
    /// </exception>
    /// <exception cref="CollectiveException">The ranks disagree, a rank has left, or the exchange failed.</exception>
    /// <exception cref="ObjectDisposedException">This collective is disposed.</exception>
    public MpiCollective Split(int group)
    {
        if (group < 0)
        {
            _exchange.Refuse();
            throw new ArgumentOutOfRangeException(nameof(group), $"group must not be negative, got {group}.");
        }
        return new(_library, MpiProcess.Keep(_exchange.Split(group)));
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">This collective is disposed.</exception>
    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        if (gathered.Length != (long)Size * values.Length)
        {
            _exchange.Refuse();
            throw new ArgumentException(
                $"gathered must have Size · values.Length = {(long)Size * values.Length} elements, got {gathered.Length}.",
                nameof(gathered));
        }
        _exchange.Gather(values, gathered);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">This collective is disposed.</exception>
    public void AllReduce(Span<double> values) => _exchange.Sum(values);

    /// <summary>
    /// Leaves the collective: calls of the other ranks that would wait for this one throw. What MPI keeps for it is freed when all
    /// ranks have left.
    /// </summary>
    public void Dispose() => _ranks.Leave();
}
