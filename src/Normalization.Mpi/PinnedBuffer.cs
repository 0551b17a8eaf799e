namespace Normalization.Mpi;

/// <summary>Memory that grows and never moves, so that MPI may use it while managed code runs.</summary>
internal sealed class PinnedBuffer
{
    public double[] Array { get; private set; } = [];

    public static double[] Allocate(int length) => GC.AllocateUninitializedArray<double>(length, pinned: true);

    /// <summary>
    /// Makes room for so many values and keeps the first of them. The memory of before does not change, because MPI may still read it.
    /// </summary>
    public void Reserve(int length, int kept)
    {
        if (Array.Length >= length)
            return;
        double[] larger = Allocate(length);
        Array.AsSpan(0, kept).CopyTo(larger);
        Array = larger;
    }
}
