namespace Normalization.Kernels.Plans;

/// <summary>
/// Who shares a mean and a variance: a channel over the batch, a group of channels of a sample, a row, the channels at a position. In a
/// window each element has neighbors of its own.
/// </summary>
internal enum StatisticsSharing : byte { Channel, ChannelGroup, Row, Position, Window }

/// <summary>Who shares a weight and a bias, if there are any: a channel, a channel of a sample, an element of every sample, all.</summary>
internal enum CoefficientSharing : byte { None, Channel, SampleChannel, Element, All }

/// <summary>How the elements lie in memory: [n, c, s], [n, s, c], or [n, s] with a stride from row to row.</summary>
internal enum MemoryOrder : byte { ChannelsFirst, ChannelsLast, Rows }

/// <summary>All that one layer differs by from another: who shares statistics, who shares coefficients, and how memory lies.</summary>
/// <remarks>A pass copies its plan several times, so a plan is small: what no input has more than 2³¹ of is kept as an int.</remarks>
internal readonly record struct Plan
{
    private readonly int _c;
    private readonly int _groups;
    private readonly int _pieceSize;

    public StatisticsSharing Statistics { get; init; }

    public CoefficientSharing Coefficients { get; init; }

    public MemoryOrder Order { get; init; }

    /// <summary>The samples, or the rows.</summary>
    public nint N { get; init; }

    /// <summary>The channels; 1 for rows.</summary>
    public nint C
    {
        get => _c;
        init => _c = checked((int)value);
    }

    /// <summary>The elements of one channel of one sample, or of one row.</summary>
    public nint S { get; init; }

    /// <summary>The groups of channels of one sample.</summary>
    public nint Groups
    {
        get => _groups;
        init => _groups = checked((int)value);
    }

    /// <summary>From the start of one sample or row to the start of the next.</summary>
    public nint Stride { get; init; }

    /// <summary>Whether the mean is subtracted.</summary>
    public bool IsCentered { get; init; }

    /// <summary>Whether the statistics are merged with others, so that they have to be as exact as sums in double make them.</summary>
    public bool HasExactStatistics { get; init; }

    /// <summary>The samples of one piece, where pieces of the batch have statistics of their own; 0 where the batch is whole.</summary>
    public nint PieceSize
    {
        get => _pieceSize;
        init => _pieceSize = checked((int)value);
    }

    /// <summary>How many pieces the batch has. A remainder belongs to the last one.</summary>
    public int PieceCount => PieceSize == 0 ? 1 : (int)(N / PieceSize);

    /// <summary>The elements of all pieces but the last.</summary>
    public int ElementsPerPiece => (int)(PieceSize * Stride);

    /// <summary>The same elements with statistics over the whole batch.</summary>
    public Plan WithoutPieces => this with { PieceSize = 0 };

    /// <summary>The neighbors of an element, where each has its own.</summary>
    public ChannelWindow Window { get; init; }

    /// <summary>The number of elements, as far as it can be counted.</summary>
    public long Elements => Math.BigMul((long)N * C, (long)S, out long elements) == 0 && elements >= 0 ? elements : long.MaxValue;

    /// <summary>How many groups have statistics that are kept; an empty input needs none, but a channel always counts.</summary>
    public int StatisticsCount => (int)Math.Min(int.MaxValue, Statistics switch
    {
        StatisticsSharing.Channel => (long)PieceCount * C,
        StatisticsSharing.Position => (long)N * S,
        StatisticsSharing.Window => 0,
        _ => (long)N * Groups,
    });

    /// <summary>How many elements share statistics; in the last piece of a batch there may be more.</summary>
    public long ElementsPerGroup => Statistics switch
    {
        StatisticsSharing.Channel => (long)(PieceSize == 0 ? N : PieceSize) * S,
        StatisticsSharing.Position => C,
        StatisticsSharing.Window => Window.Size,
        _ => (long)C / Groups * S,
    };

    /// <summary>The number of weights.</summary>
    public int Parameters => (int)Math.Min(int.MaxValue, Coefficients switch
    {
        CoefficientSharing.None => 0,
        CoefficientSharing.Channel => C,
        CoefficientSharing.SampleChannel => (long)N * C,
        CoefficientSharing.Element => (long)C * S,
        _ => 1,
    });

    /// <summary>
    /// The same channels, each behind the positions of its sample: [n, s, c]. One channel, or one position, lies the same either way.
    /// </summary>
    public Plan WithChannelsLast => C == 1 || S == 1 ? this : this with { Order = MemoryOrder.ChannelsLast };

    /// <summary>The same channels, each before the positions of its sample: [n, c, s].</summary>
    public Plan WithChannelsFirst => this with { Order = MemoryOrder.ChannelsFirst };

    /// <summary>Every position of [n, s, c] as a sample of its own.</summary>
    public Plan PositionsAsSamples => this with { Order = MemoryOrder.ChannelsFirst, N = N * S, S = 1, Stride = C };

    /// <summary>The same elements and coefficients, with statistics of each channel.</summary>
    public Plan WithChannelStatistics => Order != MemoryOrder.Rows && IsCentered
        ? this with { Statistics = StatisticsSharing.Channel, Groups = 1, PieceSize = 0 }
        : throw new NotSupportedException("Fixed statistics belong to channels, and rows have none. Use a plan with channels.");

    /// <summary>The rows that hold the channels of each position, once the positions of a sample come before its channels.</summary>
    public Plan Transposed => Rows((int)(N * S), (int)C, IsCentered);

    /// <summary>The same elements in pieces of so many samples, if there are at least two with elements.</summary>
    public Plan InPieces(int size) => this with { PieceSize = N / size < 2 || Elements == 0 ? 0 : size };

    /// <summary>One piece of the batch, as a batch of its own.</summary>
    public Plan Piece(int index) => WithoutPieces with { N = index + 1 < PieceCount ? PieceSize : N - (index * PieceSize) };

    /// <summary>BatchNorm: statistics and coefficients of each channel.</summary>
    public static Plan Batch(int n, int c, int s) => Images(n, c, s, groups: 1) with { Statistics = StatisticsSharing.Channel };

    /// <summary>GroupNorm: statistics of each group of channels of each sample, coefficients of each channel.</summary>
    public static Plan ChannelGroups(int n, int c, int s, int groups) =>
        Images(n, c, s, groups) with { Statistics = StatisticsSharing.ChannelGroup };

    /// <summary>Statistics of the channels at each position of each sample, coefficients of each channel.</summary>
    public static Plan Positions(int n, int c, int s, bool isCentered) =>
        Images(n, c, s, groups: 1) with { Statistics = StatisticsSharing.Position, IsCentered = isCentered };

    /// <summary>LocalResponseNorm: each element with the channels around it, without statistics that are kept and coefficients.</summary>
    public static Plan Windows(int n, int c, int s, in ChannelWindow window) => Images(n, c, s, groups: 1) with
    {
        Statistics = StatisticsSharing.Window,
        Coefficients = CoefficientSharing.None,
        IsCentered = false,
        Window = window,
    };

    /// <summary>LayerNorm and RmsNorm: statistics of each row, coefficients of each column.</summary>
    public static Plan Rows(int rows, int width, bool isCentered) => new()
    {
        Statistics = StatisticsSharing.Row,
        Coefficients = CoefficientSharing.Element,
        Order = MemoryOrder.Rows,
        N = rows,
        C = 1,
        S = width,
        Groups = 1,
        Stride = width,
        IsCentered = isCentered,
    };

    private static Plan Images(int n, int c, int s, int groups) => new()
    {
        Coefficients = CoefficientSharing.Channel,
        Order = MemoryOrder.ChannelsFirst,
        N = n,
        C = c,
        S = s,
        Groups = groups,
        Stride = (nint)c * s,
        IsCentered = true,
    };
}
