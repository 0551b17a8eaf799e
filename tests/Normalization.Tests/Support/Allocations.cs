namespace Normalization.Tests;

/// <summary>What calls allocate in their steady state.</summary>
internal static class Allocations
{
    private const int Rounds = 40;
    private const int CallsPerRound = 8;

    /// <summary>The fewest bytes that several rounds of calls allocate, on all threads, after a first call.</summary>
    public static long Least(Action call)
    {
        call();
        return Least(call, static () => GC.GetTotalAllocatedBytes(precise: true));
    }

    /// <summary>
    /// The fewest bytes of several rounds: a round may meet a pool that a collection has emptied, or another part of the process
    /// at work, but what every call allocates shows in every round.
    /// </summary>
    public static long Least(Action call, Func<long> allocated)
    {
        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least > 0; round++)
        {
            long before = allocated();
            for (int i = 0; i < CallsPerRound; i++)
                call();
            least = Math.Min(least, allocated() - before);
        }
        return least;
    }
}
