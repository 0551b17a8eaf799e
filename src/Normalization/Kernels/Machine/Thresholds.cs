using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Machine;

/// <summary>
/// The sizes at which a kernel changes its way of working. No choice that depends on the machine changes a bit of the result. No choice
/// that depends on the number of samples changes a bit of what each of them gives. benchmarks/TUNING.md says what was measured.
/// </summary>
internal static class Thresholds
{
    /// <summary>Below this many bytes of input a second thread costs more than it gives.</summary>
    public const long ParallelBytes = 256 * 1024;

    /// <summary>A job gets one thread for each so many bytes of input.</summary>
    public const long BytesPerThread = 64 * 1024;

    /// <summary>More threads never work on one job, whatever is allowed.</summary>
    public const int MostThreads = 1024;

    /// <summary>Each thread gets several chunks, so that a thread that starts late takes fewer of them.</summary>
    public const int ChunksPerThread = 4;

    /// <summary>A reduction cuts its slices into segments of this many elements, which the threads share.</summary>
    public const int SegmentLength = 8192;

    /// <summary>A tile has this many columns, so that its accumulators stay in the first-level cache.</summary>
    public const int TileColumns = 1024;

    /// <summary>
    /// A tile with fixed statistics has this many columns. It has no accumulators, so it is wider, and four of its rows are written at a
    /// time.
    /// </summary>
    public const int FixedTileColumns = 8192;

    /// <summary>How many elements ahead a tile with fixed statistics prefetches.</summary>
    public const int FixedTileAhead = 512;

    /// <summary>
    /// A tile narrower than this is written four rows at a time. The rows of a wider tile lie about a page apart and are written one by
    /// one.
    /// </summary>
    public const int WideTile = 512;

    /// <summary>A block of rows that gathers sums of its own has about this many elements.</summary>
    public const int BlockElements = 1 << 16;

    /// <summary>There are at most so many blocks of rows, because their sums have to be added up.</summary>
    public const int MostBlocks = 32;

    /// <summary>LayerNorm's backward pass over long rows takes this many columns at a time.</summary>
    public const int RowTile = 2048;

    /// <summary>LocalResponseNorm takes this many positions at a time through all channels; the rows of a window stay near.</summary>
    public const int WindowRow = 1024;

    /// <summary>Its backward pass keeps rows of its own, and takes fewer positions.</summary>
    public const int WindowGradientRow = 512;

    /// <summary>BatchNorm treats slices shorter than this as columns, unless a channel has few of them.</summary>
    public const int ShortSlice = 256;

    /// <summary>Rows of fewer columns are added up several at a time, as one row of at least so many columns.</summary>
    public const int FewColumns = 64;

    /// <summary>GroupNorm repeats the weights of units shorter than this for each element, and works on rows.</summary>
    public const int ShortUnit = 32;

    /// <summary>Weights are repeated for each element only up to this many repeated weights; more cost more than they save.</summary>
    public const int MostExpandedWeights = 1 << 22;

    /// <summary>
    /// At most so many small groups are taken at a time, which overlaps the divisions of one group with the sums of another.
    /// </summary>
    public const int BatchGroups = 16;

    /// <summary>Backward goes through ReLU by x alone only where a bound of x serves so many elements of a channel.</summary>
    public const int ShortestReluChannel = 1024;

    /// <summary>The same for a channel of a sample.</summary>
    public const int ShortestReluUnit = 4096;

    /// <summary>How many rows are written side by side, so that what they share is read once for all of them.</summary>
    public const int RowsAtOnce = 4;

    /// <summary>How many rows are added to the sums of the columns at a time, so that the sums are read once for all of them.</summary>
    public const int RowsAddedAtOnce = 4;

    /// <summary>
    /// Shorter pieces are not streamed one by one: the partial cache lines at their ends cost more than streaming saves. Neighboring
    /// pieces are gathered and streamed together.
    /// </summary>
    public const nint ShortestStreamedPiece = 2048;

    /// <summary>Neighboring pieces that are shorter go through the caches: their number costs more than streaming saves.</summary>
    public const nint ShortestStagedPiece = 256;

    /// <summary>So many bytes of short pieces are gathered: few enough to stay in the first-level cache.</summary>
    public const nint StagedBytes = 8 * 1024;

    /// <summary>
    /// What goes before or behind the norm takes so many bytes at a time: enough for several threads, and little enough to stay in the
    /// second-level caches until the next step.
    /// </summary>
    public const nint FusedBytes = 1 << 20;

    /// <summary>The pass of the norm adds a residual to groups of up to so many bytes: it reads the sum from the cache.</summary>
    public const nint LargestSum = 256 * 1024;

    /// <summary>What the machine has, read once.</summary>
    public static readonly long LastLevelCacheBytes = UsableCacheBytes(ReadLastLevelCacheBytes(), Environment.ProcessorCount);

    // The parameter gradients of so many columns do not fit the first-level cache.
    private const int LongRow = 8192;

    private const int ManyRows = 1024;

    private const int LongestGatheredRow = 1 << 16;

    // A few larger groups take long enough to overlap.
    private const nint SmallGroupBytes = 256;

    // Small groups are prefetched at least so many bytes ahead: one batch ahead would be too late.
    private const nint LeastAhead = 8 * 1024;

    // Half of a common first-level cache.
    private const nint BatchBytes = 24 * 1024;

    /// <summary>Rows of about so many bytes are turned at a time, so that they stay in the second-level cache.</summary>
    public const nint TurnedBytes = 128 * 1024;

    private const long CacheBytesPerProcessor = 16 << 20;

    private const nint FewSamples = 8;

    // Shorter slices cost more than the repeated coefficients of their columns.
    private const nint ShortFixedSlice = 96;

    // The sum of x and a residual stays in the first-level cache.
    private const nint SumBytes = 32 * 1024;

    // Smaller inputs stay in a cache that is near.
    private const long NearBytes = 4 << 20;

    /// <summary>
    /// Whether the output goes past the cache: from three quarters of the last-level cache on, input and output together, unless the
    /// output is written in short pieces.
    /// </summary>
    public static bool IsStreamed(long bytes, nint pieceBytes) => LeavesCaches(bytes) && pieceBytes >= ShortestStreamedPiece;

    /// <summary>The same for neighboring pieces. Short ones are streamed too where each of them fills whole cache lines.</summary>
    public static unsafe bool IsStreamed(long bytes, nint pieceBytes, void* output) =>
        IsStreamed(bytes, pieceBytes)
        || (IsStaged(bytes, pieceBytes) && ((nuint)output | (nuint)pieceBytes) % RawMemory.LineBytes == 0);

    /// <summary>
    /// What counts as input and output of a forward pass over so many bytes. With fixed statistics each element is read once, and the
    /// output goes past the cache only where both together are larger than all of it.
    /// </summary>
    public static long ForwardBytes(long bytes, bool hasFixedStatistics) => hasFixedStatistics ? bytes / 2 * 3 : 2 * bytes;

    /// <summary>
    /// Whether so many slices of a channel are treated as columns. A column costs as much as several of
    /// its elements, which is too much for few slices. One slice alone would be summed in float as a short row, which is not accurate
    /// enough for running statistics.
    /// </summary>
    public static bool AreShortSlices(nint samples, nint length) =>
        length < ShortSlice && (length < ShortUnit || samples is 1 or > FewSamples || length < FewSamples * samples);

    /// <summary>
    /// Whether slices with fixed statistics are treated as columns: the shorter ones, and those that are streamed, because columns have
    /// longer pieces.
    /// </summary>
    public static bool AreShortFixedSlices(nint length, long elements) => length < ShortSlice
        && (length < ShortFixedSlice || LeavesCaches(ForwardBytes(elements * sizeof(float), hasFixedStatistics: true)));

    /// <summary>Whether neighboring pieces are gathered, and streamed together. Longer ones do not fit into the room for them.</summary>
    public static bool IsStaged(long bytes, nint pieceBytes) =>
        LeavesCaches(bytes) && pieceBytes is >= ShortestStagedPiece and < ShortestStreamedPiece;

    /// <summary>
    /// Whether LayerNorm's backward pass goes down all rows tile by tile, and again for the input gradients. Where there are many rows,
    /// it gathers the parameter gradients of all columns at once instead, and each row is in the cache for both.
    /// </summary>
    public static bool IsLongRow(nint rows, nint columns) =>
        columns >= LongRow && (rows < ManyRows || columns > LongestGatheredRow);

    /// <summary>Shorter groups are summed in double, because the sums in float cost more at their beginning and end.</summary>
    public const int ShortestNarrowGroup = 512;

    /// <summary>The same of columns of fewer rows.</summary>
    public const int ShortestNarrowColumn = 8;

    /// <summary>How far ahead to prefetch: 0 where the input is small enough for a cache that is near.</summary>
    public static nint Ahead(long bytes, nint distance) => bytes > NearBytes ? distance : 0;

    /// <summary>The same for groups that are taken several at a time.</summary>
    public static unsafe nint AheadOfBatch<T>(long bytes, nint elements) where T : unmanaged =>
        Ahead(bytes, Math.Max(elements, LeastAhead / sizeof(T)));

    /// <summary>How many groups of this size are taken at a time at most.</summary>
    public static nint MostGroups(nint groupBytes) => groupBytes > SmallGroupBytes ? BatchGroups / 2 : BatchGroups;

    /// <summary>How many groups of this size are taken at a time: as many as stay in the first-level cache.</summary>
    public static nint GroupsPerBatch(nint groupBytes)
    {
        nint groups = Math.Clamp(BatchBytes / groupBytes, 1, MostGroups(groupBytes));
        return groups < RowsAtOnce ? groups : groups - (groups % RowsAtOnce);
    }

    /// <summary>How many groups of this size get a residual and are normalized at a time.</summary>
    public static nint GroupsPerSum(nint groupBytes)
    {
        nint batch = GroupsPerBatch(groupBytes);
        return batch * Math.Max(1, SumBytes / (batch * groupBytes));
    }

    /// <summary>
    /// What so many processors can use of a last-level cache. A virtual machine sees the whole cache of a server, which it shares with
    /// others.
    /// </summary>
    public static long UsableCacheBytes(long bytes, int processors) => Math.Min(bytes, Math.Max(2, processors) * CacheBytesPerProcessor);

    private static bool LeavesCaches(long bytes) => bytes > LastLevelCacheBytes / 4 * 3;

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
