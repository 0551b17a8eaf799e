using Normalization.Mpi;

namespace Normalization.Verify.Distributed;

/// <summary>Sums over groups of ranks, short and long ones, against the sums that they must be; and what an exchange allocates.</summary>
internal static class GroupCheck
{
    private const int Rounds = 40;

    public static bool Run(TextWriter output, MpiCollective ranks, int groups)
    {
        bool isKept = true;
        for (int index = 0; index < groups; index++)
        {
            using MpiCollective group = ranks.Split(ranks.Rank % (1 + (index % 2)));
            isKept &= IsSum(group, 1 + (index % 100 * 50));
        }
        long least = long.MaxValue;
        double[] values = new double[2000], gathered = new double[ranks.Size * values.Length];
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            ranks.AllGather(values, gathered);
            ranks.AllReduce(values);
            ranks.AllReduce(values.AsSpan(0, 9));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        output.WriteLine(
            $"rank {ranks.Rank}: {groups} groups, {(isKept ? "all sums right" : "a sum is wrong")}; an exchange allocates {least} bytes");
        return isKept && least == 0;
    }

    private static bool IsSum(MpiCollective group, int length)
    {
        double[] values = new double[length];
        for (int i = 0; i < length; i++)
            values[i] = i + group.Rank;
        group.AllReduce(values);
        double ranks = group.Size * (group.Size - 1) / 2;
        for (int i = 0; i < length; i++)
        {
            if (values[i] != (group.Size * (double)i) + ranks)
                return false;
        }
        return true;
    }
}
