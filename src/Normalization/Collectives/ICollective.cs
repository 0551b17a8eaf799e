namespace Normalization;

/// <summary>
/// Ranks that make the same calls in the same order and exchange numbers: processes, machines or threads. <see
/// cref="BatchNorm{T}.Synchronize"/> takes a collective.
/// </summary>
/// <remarks>
/// Every call is collective: all ranks make the same calls in the same order, with equally many values, and each waits for the
/// others. A rank that leaves or fails must end the calls of the others, with an exception or with their processes, and must not
/// leave them waiting. Ranks that make different calls, or give different numbers of values, all get an exception. A call that
/// throws has changed none of its arguments. One object belongs to one rank, and one thread at a time calls it.
/// </remarks>
/// <example>
/// <code>
/// InMemoryCollective.Run(size: 3, ranks =>
/// {
///     double[] values = [ranks.Rank, 1];
///     ranks.AllReduce(values);  // on every rank: 0 + 1 + 2 and 1 + 1 + 1
/// });
/// </code>
/// </example>
public interface ICollective
{
    /// <summary>Gets the number of this rank, from 0 to <see cref="Size"/> - 1.</summary>
    int Rank { get; }

    /// <summary>Gets the number of ranks.</summary>
    int Size { get; }

    /// <summary>Gives every rank the values of all ranks.</summary>
    /// <param name="values">The values of this rank.</param>
    /// <param name="gathered">Receives the values of rank 0, then those of rank 1 and so on: <see cref="Size"/> times as many.</param>
    /// <exception cref="ArgumentException">
    /// <paramref name="gathered"/> has another length. The other ranks get a <see cref="CollectiveException"/>.
    /// </exception>
    /// <exception cref="CollectiveException">The ranks disagree, a rank has left, or the exchange failed.</exception>
    void AllGather(ReadOnlySpan<double> values, Span<double> gathered);

    /// <summary>
    /// Replaces the values of every rank by their sums over all ranks. Each sum is taken in the order of the ranks, so that every
    /// rank, every run and every implementation has the same bits.
    /// </summary>
    /// <param name="values">The values of this rank; then the sums.</param>
    /// <exception cref="CollectiveException">The ranks disagree, a rank has left, or the exchange failed.</exception>
    void AllReduce(Span<double> values);
}
