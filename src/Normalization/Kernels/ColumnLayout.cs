namespace Normalization.Kernels;

/// <summary>
/// Rows of channels, each channel <see cref="Fold"/> neighbouring columns that share statistics and coefficients. Tiles of whole
/// channels and blocks of rows are fixed by the shape; a channel's sums are those of its blocks added in order.
/// </summary>
internal readonly struct ColumnLayout
{
    private const int ElementsPerLine = Memory.LineBytes / sizeof(float);

    public ColumnLayout(nint rows, nint channels, nint fold, nint tileColumns)
    {
        (Rows, Channels, Fold, Columns) = (rows, channels, fold, channels * fold);
        ChannelsPerTile = Math.Min(channels, Math.Max(1, tileColumns / fold));
        // A tile of whole cache lines has no partial ones at its ends.
        nint whole = ElementsPerLine / Math.Min(fold & -fold, ElementsPerLine);
        if (ChannelsPerTile < channels && ChannelsPerTile > whole)
            ChannelsPerTile -= ChannelsPerTile % whole;
        Tiles = (channels + ChannelsPerTile - 1) / ChannelsPerTile;
        Blocks = new(rows, ChannelsPerTile * fold, ColumnReduction.RowsAtOnce, nint.MaxValue);
        Channel = new(rows, fold, Columns);
    }

    public nint Rows { get; }

    public nint Channels { get; }

    public nint Fold { get; }

    public nint Columns { get; }

    public nint ChannelsPerTile { get; }

    public nint Tiles { get; }

    public RowBlocks Blocks { get; }

    /// <summary>The elements of one channel.</summary>
    public RunSet Channel { get; }

    public ColumnTile Tile(nint index)
    {
        nint first = index * ChannelsPerTile;
        return Part(first, Math.Min(ChannelsPerTile, Channels - first));
    }

    public ColumnTile Part(nint firstChannel, nint channels) => new(firstChannel, channels, firstChannel * Fold, channels * Fold);
}

/// <summary>Some neighbouring channels and their columns.</summary>
internal readonly record struct ColumnTile(nint FirstChannel, nint Channels, nint FirstColumn, nint Columns);
