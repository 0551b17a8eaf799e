namespace Normalization.Kernels.Plans;

/// <summary>
/// Groups of elements that share statistics. Each group consists of units, and a unit shares one pair of coefficients. Unit u starts at
/// u · <see cref="UnitStride"/> and belongs to group u / <see cref="UnitsPerGroup"/> and has coefficient u mod <see
/// cref="CoefficientPeriod"/>.
/// </summary>
internal readonly struct GroupLayout
{
    public nint Groups { get; private init; }

    public nint UnitsPerGroup { get; private init; }

    public nint CoefficientPeriod { get; private init; }

    /// <summary>Group g uses the statistics g mod this.</summary>
    public nint StatisticsPeriod { get; private init; }

    public SliceSet Group { get; private init; }

    public SliceSet Unit { get; private init; }

    public nint UnitStride { get; private init; }

    /// <summary>The weight differs from element to element of a unit.</summary>
    public bool IsElementwise { get; private init; }

    /// <summary>How many weights there are.</summary>
    public nint Coefficients => IsElementwise ? CoefficientPeriod * Unit.Length : CoefficientPeriod;

    /// <summary>Every row has the same weights.</summary>
    public bool SharesWeights => IsElementwise && CoefficientPeriod == 1;

    /// <summary>The units lie one behind another, without a gap.</summary>
    public bool UnitsAreNeighbors => Unit.Slices == 1 && UnitStride == Unit.Length;

    public nint Units => Groups * UnitsPerGroup;

    public nint GroupStride => UnitStride * UnitsPerGroup;

    public long Elements => (long)Groups * Group.Elements;

    /// <summary>[n, c, s] with the statistics of each channel.</summary>
    public static GroupLayout Batch(nint n, nint c, nint s) => new()
    {
        Groups = c,
        UnitsPerGroup = 1,
        CoefficientPeriod = c,
        StatisticsPeriod = c,
        Group = new(n, s, c * s),
        Unit = new(n, s, c * s),
        UnitStride = s,
    };

    /// <summary>[n, c, s] with given statistics of each channel, computed in the order of memory.</summary>
    public static GroupLayout FixedBatch(nint n, nint c, nint s) => new()
    {
        Groups = n * c,
        UnitsPerGroup = 1,
        CoefficientPeriod = c,
        StatisticsPeriod = c,
        Group = new(1, s, s),
        Unit = new(1, s, s),
        UnitStride = s,
    };

    /// <summary>[n, c, s] with the statistics of each of <paramref name="groups"/> groups of channels of each sample.</summary>
    public static GroupLayout ChannelGroups(nint n, nint c, nint s, nint groups) => new()
    {
        Groups = n * groups,
        UnitsPerGroup = c / groups,
        CoefficientPeriod = c,
        StatisticsPeriod = n * groups,
        Group = new(1, c / groups * s, c / groups * s),
        Unit = new(1, s, s),
        UnitStride = s,
    };

    /// <summary>Rows with statistics of their own and a weight for each element of <paramref name="period"/> rows.</summary>
    public static GroupLayout Rows(nint rows, nint width, nint period, bool isElementwise) => new()
    {
        Groups = rows,
        UnitsPerGroup = 1,
        CoefficientPeriod = period,
        StatisticsPeriod = rows,
        Group = new(1, width, width),
        Unit = new(1, width, width),
        UnitStride = width,
        IsElementwise = isElementwise,
    };

    /// <summary>
    /// The channels of one sample, each with its first <paramref name="length"/> of <paramref name="s"/> positions, in groups.
    /// </summary>
    public static GroupLayout Sample(nint c, nint s, nint groups, nint length) => new()
    {
        Groups = groups,
        UnitsPerGroup = c / groups,
        CoefficientPeriod = c,
        StatisticsPeriod = groups,
        Group = new(c / groups, length, s),
        Unit = new(1, length, s),
        UnitStride = s,
    };
}
