using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels;

/// <summary>The sizes at which a kernel changes its way of working. No choice that depends on the machine changes a bit of the result.</summary>
internal static class Thresholds
{
    /// <summary>Below this many bytes of input a second thread costs more than it gives.</summary>
    public const long ParallelBytes = 256 * 1024;

    /// <summary>Chunks a thread, so that a thread that starts late takes fewer.</summary>
    public const int ChunksPerThread = 4;

    /// <summary>A reduction's runs are cut into pieces of this many elements, which the threads share.</summary>
    public const int SegmentLength = 8192;

    /// <summary>Columns are taken in tiles of this many: their accumulators stay in the first-level cache.</summary>
    public const int TileColumns = 1024;

    /// <summary>Blocks of rows that gather sums of their own have about this many elements, or more where that would be many blocks.</summary>
    public const int BlockElements = 1 << 16;

    /// <summary>More blocks than this cost more to add up than they give to threads.</summary>
    public const int MostBlocks = 32;

    /// <summary>LayerNorm's backward gathers the parameter gradients of all columns at once up to this many, which is 256 KB of accumulators.</summary>
    public const int LongRow = 1 << 14;

    /// <summary>Beyond <see cref="LongRow"/> it goes down the rows in tiles of this many columns.</summary>
    public const int LongRowTile = 2048;

    /// <summary>BatchNorm treats runs shorter than this as columns: 14x14 took 1.2 ms so and 1.9 ms run by run, [32, 1024, 14, 14] on two threads.</summary>
    public const int ShortRun = 256;

    /// <summary>GroupNorm repeats the weights of units shorter than this for each element, and works on rows.</summary>
    public const int ShortUnit = 16;

    /// <summary>Beyond this many repeated weights the repetition costs more memory than it saves time.</summary>
    public const int MostExpandedWeights = 1 << 22;

    /// <summary>Small groups are taken this many at a time, which overlaps the divisions of one with the sums of another.</summary>
    public const int BatchGroups = 8;

    // Evaluation of [32, 1024, 14, 14] in pieces of 784 bytes: 1.5 ms streamed, 1.0 ms not.
    private const nint ShortestStreamedPiece = 2048;

    // Half of a common first-level cache.
    private const nint BatchBytes = 24 * 1024;

    private const long NearBytes = 4 << 20;

    private static readonly long LastLevelCacheBytes = ReadLastLevelCacheBytes();

    /// <summary>
    /// From three quarters of the last-level cache on, in and out together, the output goes past the cache, unless it is written
    /// in pieces so short that the partial lines at their ends cost more than that saves.
    /// </summary>
    public static bool IsStreamed(long bytes, nint pieceBytes) =>
        bytes > LastLevelCacheBytes / 4 * 3 && pieceBytes >= ShortestStreamedPiece;

    /// <summary>How far ahead to ask for memory: not at all where the input is in a cache that is near.</summary>
    public static nint Ahead(long bytes, nint distance) => bytes > NearBytes ? distance : 0;

    /// <summary>How many groups of this size are taken at a time: as many as stay in the first-level cache.</summary>
    public static nint GroupsPerBatch(nint groupBytes)
    {
        nint groups = Math.Clamp(BatchBytes / groupBytes, 1, BatchGroups);
        return groups < Map.RowsAtOnce ? groups : groups - (groups % Map.RowsAtOnce);
    }

    /// <summary>The largest cache that CPUID describes (leaf 4 on Intel, 8000001D on AMD), or 32 MiB where there is no CPUID.</summary>
    private static long ReadLastLevelCacheBytes()
    {
        long largest = 0;
        if (X86Base.IsSupported)
        {
            foreach (int leaf in (ReadOnlySpan<int>)[4, unchecked((int)0x8000001D)])
            {
                if ((uint)X86Base.CpuId(leaf & unchecked((int)0x80000000), 0).Eax < (uint)leaf)
                    continue;
                for (int index = 0; index < 8; index++)
                {
                    (int eax, int ebx, int ecx, _) = X86Base.CpuId(leaf, index);
                    if ((eax & 0x1F) == 0)
                        break;
                    long ways = ((uint)ebx >> 22) + 1, partitions = ((ebx >> 12) & 0x3FF) + 1, line = (ebx & 0xFFF) + 1;
                    largest = Math.Max(largest, ways * partitions * line * ((uint)ecx + 1L));
                }
            }
        }
        return largest > 0 ? largest : 32L << 20;
    }
}
