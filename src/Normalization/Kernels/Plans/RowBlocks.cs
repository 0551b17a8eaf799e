using Normalization.Kernels.Machine;

namespace Normalization.Kernels.Plans;

/// <summary>Rows cut into blocks, each with sums of its own, by the sizes alone.</summary>
internal readonly struct RowBlocks
{
    /// <summary>
    /// Every block but the last one has a multiple of <paramref name="step"/> rows, and at most <paramref name="most"/> times as many.
    /// </summary>
    public RowBlocks(nint rows, nint columns, nint step, nint most)
    {
        nint least = Math.Max(Thresholds.BlockElements / columns, (rows + Thresholds.MostBlocks - 1) / Thresholds.MostBlocks);
        Rows = rows;
        RowsPerBlock = Math.Min((least + step - 1) / step, most) * step;
        Count = (rows + RowsPerBlock - 1) / RowsPerBlock;
    }

    public nint Rows { get; }

    public nint RowsPerBlock { get; }

    public nint Count { get; }

    public (nint First, nint Count) this[nint block] => (block * RowsPerBlock, Math.Min(RowsPerBlock, Rows - (block * RowsPerBlock)));
}
