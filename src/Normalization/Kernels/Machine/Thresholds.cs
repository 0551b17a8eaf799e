using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Machine;

/// <summary>The sizes at which a kernel changes its way of working. No choice that depends on the machine changes a bit of the result, none that depends on the number of samples a bit of what each of them gives.</summary>
internal static class Thresholds
{
    // Each figure is a ratio of times on the machine of benchmarks/RESULTS.md: with another size over with this one.

    /// <summary>Below this many bytes of input a second thread costs more than it gives: at 192 KB LayerNorm's forward takes 0.71 with it, its backward 1.15.</summary>
    public const long ParallelBytes = 256 * 1024;

    /// <summary>
    /// One thread for each so many bytes of input: LayerNorm's forward takes some 4 µs for them, and waking a thread of the pool up to
    /// 10. Not measured on more than two processors.
    /// </summary>
    public const long BytesPerThread = 64 * 1024;

    /// <summary>More threads never work on one job, whatever is allowed.</summary>
    public const int MostThreads = 1024;

    /// <summary>Chunks a thread, so that one that starts late takes fewer: 1, 2 and 16 are within the noise where nothing else runs.</summary>
    public const int ChunksPerThread = 4;

    /// <summary>A reduction's slices are cut into pieces of this many elements, which the threads share: 2,048 took 0.97 to 1.10, 32,768 0.92 to 1.10.</summary>
    public const int SegmentLength = 8192;

    /// <summary>
    /// Columns are taken in tiles of this many, whose accumulators stay in the first-level cache: half took 1.5 (forward of
    /// [32, 1024, 14, 14]), twice 1.3 (its backward).
    /// </summary>
    public const int TileColumns = 1024;

    /// <summary>
    /// Columns with fixed statistics have no accumulators: their tiles are wider, and written four rows at a time. Evaluation of
    /// [32, 2048, 7, 7] took 1.3 in tiles of 1,024, 1.2 of 2,048, and 1.6 row by row.
    /// </summary>
    public const int FixedTileColumns = 8192;

    /// <summary>How far ahead they ask for memory: evaluation of [32, 1024, 14, 14] took 1.1 without, and 1.2 a whole tile ahead.</summary>
    public const int FixedTileAhead = 512;

    /// <summary>
    /// Narrower tiles are written four rows at a time: row by row evaluation of [64, 128] took 1.2. In wider ones the rows lie a page
    /// or so apart: four at a time [4096, 512] took 0.92 to 1.17.
    /// </summary>
    public const int WideTile = 512;

    /// <summary>Blocks of rows that gather sums of their own have about this many elements: a quarter took 1.6, four times 1.4 (BatchNorm of [256, 1024]).</summary>
    public const int BlockElements = 1 << 16;

    /// <summary>Blocks have to be added up: 8 and 128 took 0.90 to 1.08 (BatchNorm of [4096, 512]).</summary>
    public const int MostBlocks = 32;

    /// <summary>LayerNorm's backward takes the columns in tiles of this many: from [4, 1000003] to [128, 16384] half took 1.0 to 1.5, twice 0.9 to 1.3.</summary>
    public const int RowTile = 2048;

    /// <summary>BatchNorm treats slices shorter than this as columns: slice by slice [32, 1024, 14, 14] took 1.3 to 1.7.</summary>
    public const int ShortSlice = 256;

    /// <summary>
    /// GroupNorm repeats the weights of units shorter than this for each element, and works on rows: unit by unit
    /// [32, 512, 4, 4] took 2.7 to 3.6; for 64 elements it is the other way round where there are few samples.
    /// </summary>
    public const int ShortUnit = 32;

    /// <summary>
    /// Beyond this many repeated weights the repetition costs more than it saves: backward of [1, 524288, 4, 4] took 2.5 with them, that
    /// of [2, 262144, 4, 4], which is within, 1.4 where its forward took 0.66; [4, 262144, 2, 4] took 0.2.
    /// </summary>
    public const int MostExpandedWeights = 1 << 22;

    /// <summary>Small groups are taken this many at a time, which overlaps the divisions of one with the sums of another: one at a time took 1.8 (LayerNorm of [64, 128]), 4 and 32 as long.</summary>
    public const int BatchGroups = 8;

    /// <summary>How many rows are written side by side, so that what they share is read once for all of them.</summary>
    public const int RowsAtOnce = 4;

    /// <summary>How many rows are added to the sums of the columns at a time, so that the sums are read once for all of them.</summary>
    public const int RowsAddedAtOnce = 4;

    /// <summary>Evaluation of [32, 1024, 14, 14] in pieces of 784 bytes: 1.5 ms streamed, 1.0 ms not.</summary>
    public const nint ShortestStreamedPiece = 2048;

    /// <summary>What the machine has, read once.</summary>
    public static readonly long LastLevelCacheBytes = ReadLastLevelCacheBytes();

    private const int LongRow = 8192;

    private const int ManyRows = 1024;

    private const int LongestGatheredRow = 1 << 16;

    // Half of a common first-level cache: four times as much took 1.00 to 1.07.
    private const nint BatchBytes = 24 * 1024;

    // Without prefetch LayerNorm's forward of [8192, 768] took 1.8; with it everywhere, what is in a cache 0.91 to 1.04.
    private const long NearBytes = 4 << 20;

    /// <summary>
    /// From three quarters of the last-level cache on, in and out together, the output goes past the cache, unless it is written
    /// in pieces so short that the partial lines at their ends cost more than that saves. Streaming BatchNorm of [4096, 512] (16 MB of
    /// 32) took 1.2 to 1.4, not streaming backward of [4, 64, 16, 28, 28] (38 MB) 1.3 to 1.5.
    /// </summary>
    public static bool IsStreamed(long bytes, nint pieceBytes) =>
        bytes > LastLevelCacheBytes / 4 * 3 && pieceBytes >= ShortestStreamedPiece;

    /// <summary>
    /// LayerNorm's backward of few long rows goes down all of them, tile by tile, and again for the input gradients. Where there are
    /// many, it gathers the parameter gradients of all columns at once, and has each row in the cache for both: tile by tile
    /// [1024, 12000] took 1.4, [512, 6144] 1.3, all at once [64, 32768] 2.3 to 3.2, [256, 16384] 1.0 to 1.5, [512, 65536] 1.0.
    /// </summary>
    public static bool IsLongRow(nint rows, nint columns) =>
        columns >= LongRow && (rows < ManyRows || columns > LongestGatheredRow);

    /// <summary>How far ahead to ask for memory: not at all where the input is in a cache that is near.</summary>
    public static nint Ahead(long bytes, nint distance) => bytes > NearBytes ? distance : 0;

    /// <summary>How many groups of this size are taken at a time: as many as stay in the first-level cache.</summary>
    public static nint GroupsPerBatch(nint groupBytes)
    {
        nint groups = Math.Clamp(BatchBytes / groupBytes, 1, BatchGroups);
        return groups < RowsAtOnce ? groups : groups - (groups % RowsAtOnce);
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
