using Normalization.Kernels.Machine;

namespace Normalization.Kernels.Plans;

/// <summary>
/// Rows of channels, each channel <see cref="ColumnsPerChannel"/> neighboring columns that share statistics and coefficients. Tiles of
/// whole channels and blocks of rows are fixed by the shape; a channel's sums are those of its blocks added in order.
/// </summary>
internal readonly struct ColumnLayout
{
    private const int ElementsPerLine = RawMemory.LineBytes / sizeof(float);

    /// <summary>The positions of each of some samples, with statistics of each of some groups of neighboring channels.</summary>
    public static ColumnLayout OfSamples(nint samples, nint positions, nint channels, nint groups) =>
        new(positions, channels, 1, Thresholds.TileColumns) { Samples = samples, ChannelsPerGroup = channels / groups };

    public ColumnLayout(nint rows, nint channels, nint columnsPerChannel, nint tileColumns)
    {
        (Rows, Channels, ColumnsPerChannel, Columns) = (rows, channels, columnsPerChannel, channels * columnsPerChannel);
        ChannelsPerTile = Math.Min(channels, Math.Max(1, tileColumns / columnsPerChannel));
        // A tile of whole cache lines has no partial ones at its ends.
        nint whole = ElementsPerLine / Math.Min(columnsPerChannel & -columnsPerChannel, ElementsPerLine);
        if (ChannelsPerTile < channels && ChannelsPerTile > whole)
            ChannelsPerTile -= ChannelsPerTile % whole;
        Tiles = (channels + ChannelsPerTile - 1) / ChannelsPerTile;
        if (Tiles == 1)
        {
            // The number of rows that fill whole cache lines.
            nint together = ElementsPerLine / Math.Min(Columns & -Columns, ElementsPerLine), most = Thresholds.TileColumns / Columns;
            RowsWrittenAsOne = most < together ? Math.Max(1, most) : most - (most % together);
            if (columnsPerChannel == 1 && Columns < Thresholds.FewColumns)
                RowsAddedAsOne = together * ((Thresholds.FewColumns + (together * Columns) - 1) / (together * Columns));
        }
        Blocks = new(rows, ChannelsPerTile * columnsPerChannel, Thresholds.RowsAddedAtOnce * RowsAddedAsOne, nint.MaxValue);
        Channel = new(rows, columnsPerChannel, Columns);
    }

    public nint Rows { get; }

    public nint Channels { get; }

    public nint ColumnsPerChannel { get; }

    public nint Columns { get; }

    public nint ChannelsPerTile { get; }

    public nint Tiles { get; }

    /// <summary>
    /// So many neighboring rows are added up as one row, and then its columns of the same channel: few columns fill a part of a vector.
    /// </summary>
    public nint RowsAddedAsOne { get; } = 1;

    /// <summary>So many neighboring rows are written as one, where a tile has all columns. This changes no bit.</summary>
    public nint RowsWrittenAsOne { get; } = 1;

    public RowBlocks Blocks { get; }

    /// <summary>How many such layouts lie one after another.</summary>
    public nint Samples { get; private init; } = 1;

    /// <summary>How many neighboring channels share statistics.</summary>
    public nint ChannelsPerGroup { get; private init; } = 1;

    public nint Groups => Channels / ChannelsPerGroup;

    /// <summary>The elements of one group of channels.</summary>
    public SliceSet Group => new(Rows, ChannelsPerGroup * ColumnsPerChannel, Columns);

    /// <summary>The elements of one channel.</summary>
    public SliceSet Channel { get; }

    /// <summary>Whether sums in float pay.</summary>
    public bool IsLongEnoughForFloats => Rows >= Thresholds.ShortestNarrowColumn;

    public ColumnTile Tile(nint index)
    {
        nint first = index * ChannelsPerTile;
        return TileOf(first, Math.Min(ChannelsPerTile, Channels - first));
    }

    public ColumnTile TileOf(nint firstChannel, nint channels) =>
        new(firstChannel, channels, firstChannel * ColumnsPerChannel, channels * ColumnsPerChannel);
}

/// <summary>Some neighboring channels and their columns.</summary>
internal readonly record struct ColumnTile(nint FirstChannel, nint Channels, nint FirstColumn, nint Columns);
