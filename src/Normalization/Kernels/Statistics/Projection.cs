global using Projection = Normalization.Kernels.Statistics.Projection<Normalization.Kernels.Simd.One>;

using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>Σ g and Σ g · x̂ over a group, with g = weight · dy, where dy is taken about a pivot.</summary>
internal readonly struct ProjectionSums<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>Σ weight · (dy - pivot).</summary>
    public TLanes Sum { get; init; }

    /// <summary>Σ weight · dy · x̂.</summary>
    public TLanes Product { get; init; }

    public TLanes Pivot { get; init; }

    /// <summary>One of the weights, and how far their mean lies from it: equal ones lie at exactly no distance.</summary>
    public TLanes Weight { get; init; }

    public TLanes WeightExcess { get; init; }
}

/// <summary>
/// The part of dx that is the same for all weights of a group: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = weight · dy.
/// </summary>
internal readonly struct Projection<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The two projections of the gradient cancel nearly all of it in a group of fewer elements.</summary>
    public const int FewElements = 32;

    private TLanes InverseStandardDeviation { get; init; }

    /// <summary>m(g) - <see cref="Weight"/> · <see cref="OutputPivot"/>.</summary>
    private TLanes Mean { get; init; }

    private TLanes Weight { get; init; }

    private TLanes OutputPivot { get; init; }

    private TLanes Pivot { get; init; }

    private TLanes Inner { get; init; }

    private TLanes Shift { get; init; }

    private bool IsNarrow { get; init; }

    /// <param name="statistics">Of the group.</param>
    /// <param name="sums">Of the group's gradients.</param>
    /// <param name="count">How many elements the sums are of.</param>
    /// <param name="isCentered">Whether the mean is subtracted.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Projection<TLanes> Create<T>(
        in GroupStatistics<TLanes> statistics, in ProjectionSums<TLanes> sums, double count, bool isCentered)
        where T : unmanaged
    {
        TLanes r = statistics.InverseStandardDeviation;
        // One factor r at a time, because r³ overflows where the result does not. A constant group has a product of 0, and its r may be
        // huge.
        TLanes inner = -r * (r * (sums.Product / count));
        return new()
        {
            InverseStandardDeviation = r,
            Mean = isCentered ? (sums.Sum / count) + (sums.WeightExcess * sums.Pivot) : 0,
            Weight = sums.Weight,
            OutputPivot = sums.Pivot,
            Pivot = TLanes.Round<T>(statistics.Mean),
            Inner = inner,
            Shift = isCentered ? inner * GradientAffine<TLanes>.OffsetFromPivot<T>(statistics) : 0,
            IsNarrow = count >= FewElements
                && NumericRange.Holds<T, TLanes>(inner) && NumericRange.Spans<T, TLanes>(statistics),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientAffine<TLanes> Weighted<T>(TLanes weight) where T : unmanaged
    {
        TLanes outer = InverseStandardDeviation * weight;
        TLanes excess = Mean + ((Weight - weight) * OutputPivot);
        // dy is centered before it is scaled, as x is. Where the weight is near zero, there is nothing to center.
        TLanes center = TLanes.Within(TLanes.Round<T>(OutputPivot + (excess / weight)), NumericRange.LargestOf<T>());
        TLanes shift = (outer * (center - OutputPivot)) - (InverseStandardDeviation * excess) - Shift;
        return new()
        {
            Center = center,
            Pivot = Pivot,
            Outer = outer,
            Inner = Inner,
            Shift = shift,
            IsNarrow = IsNarrow && NumericRange.Holds<T, TLanes>(outer) && TLanes.AreZeroOrBetween(shift, 0, NumericRange.LargestOf<T>()),
        };
    }
}
