namespace Normalization.Kernels;

/// <summary>Which elements of [n, c, s] share statistics, and which share a coefficient: all that one layer differs by from another.</summary>
internal readonly record struct Plan
{
    private enum Sharing
    {
        Channel,
        Band,
        Row,
    }

    private Sharing Kind { get; init; }

    private nint N { get; init; }

    private nint C { get; init; }

    private nint S { get; init; }

    private nint Groups { get; init; }

    /// <summary>Whether the mean is subtracted.</summary>
    public bool IsCentered { get; private init; }

    /// <summary>The number of elements, as far as it can be counted.</summary>
    public long Elements { get; private init; }

    /// <summary>How many groups have statistics; an empty input needs none, but a channel always counts.</summary>
    public int StatisticsCount => (int)(Kind == Sharing.Channel ? C : Math.Min((long)N * Groups, int.MaxValue));

    /// <summary>How many elements share statistics.</summary>
    public long ElementsPerGroup => Kind == Sharing.Channel ? (long)N * S : (long)C / Groups * S;

    /// <summary>The number of weights.</summary>
    public int Parameters => (int)(Kind == Sharing.Row ? S : C);

    /// <summary>BatchNorm: statistics and coefficients of each channel.</summary>
    public static Plan Batch(int n, int c, int s) => new() { Kind = Sharing.Channel, N = n, C = c, S = s, Groups = 1, IsCentered = true, Elements = Product(n, c, s) };

    /// <summary>GroupNorm: statistics of each band of channels of each sample, coefficients of each channel.</summary>
    public static Plan Bands(int n, int c, int s, int groups) =>
        new() { Kind = Sharing.Band, N = n, C = c, S = s, Groups = groups, IsCentered = true, Elements = Product(n, c, s) };

    /// <summary>LayerNorm and RmsNorm: statistics of each row, coefficients of each column.</summary>
    public static Plan Rows(int rows, int width, bool isCentered) =>
        new() { Kind = Sharing.Row, N = rows, C = 1, S = width, Groups = 1, IsCentered = isCentered, Elements = Product(rows, 1, width) };

    /// <summary>Whether whole channels are best treated as columns.</summary>
    public bool IsColumns => Kind == Sharing.Channel && S < Thresholds.ShortRun;

    public ColumnLayout Columns(bool hasFixedStatistics) => new(N, C, S, hasFixedStatistics ? Thresholds.FixedTileColumns : Thresholds.TileColumns);

    /// <summary>Whether the weights of bands have to be repeated for each element: the runs of one weight are too short for a kernel.</summary>
    public bool NeedsExpandedWeights => Kind == Sharing.Band && Groups < C && S < Thresholds.ShortUnit && (long)C * S <= Thresholds.MostExpandedWeights;

    /// <summary>Whether weights, if there are any, differ from element to element of a group's run.</summary>
    public bool HasElementwiseWeights => Kind == Sharing.Row || NeedsExpandedWeights;

    /// <summary>How often each weight is repeated when it is.</summary>
    public nint Expansion => S;

    public GroupLayout Layout(bool hasWeights, bool hasFixedStatistics) => Kind switch
    {
        Sharing.Channel when hasFixedStatistics => GroupLayout.FixedBatch(N, C, S),
        Sharing.Channel => GroupLayout.Batch(N, C, S),
        Sharing.Band when hasWeights && NeedsExpandedWeights => GroupLayout.Rows(N * Groups, C / Groups * S, Groups, isElementwise: true),
        Sharing.Band when hasWeights => GroupLayout.Bands(N, C, S, Groups),
        Sharing.Band => GroupLayout.Rows(N * Groups, C / Groups * S, Groups, isElementwise: false),
        _ => GroupLayout.Rows(N, S, 1, hasWeights),
    };

    private static long Product(long n, long c, long s) => (long)Int128.Min((Int128)(n * c) * s, long.MaxValue);
}
