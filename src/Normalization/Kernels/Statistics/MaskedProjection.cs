using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>Sums over the valid elements of a group, with g = weight · dy.</summary>
/// <param name="Sum">Σ weight · (dy - pivot).</param>
/// <param name="Product">Σ weight · dy · x̂.</param>
/// <param name="Pivot">What dy is taken about.</param>
/// <param name="MeanWeight">The mean of the weights.</param>
/// <param name="Total">W, what the elements weigh together.</param>
/// <param name="Count">How many elements there are.</param>
internal readonly record struct MaskedSums<TLanes>(
    TLanes Sum, TLanes Product, TLanes Pivot, TLanes MeanWeight, double Total, nint Count)
    where TLanes : unmanaged, ILanes<TLanes>;

/// <summary>
/// The part of dx = r · (g - w / W · (Σ g + x̂ · Σ g · x̂)) that is the same for all coefficients of a group. Numbers of doubles whose
/// products leave the range of doubles have no way of their own here.
/// </summary>
internal readonly struct MaskedProjection<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    private TLanes InverseStandardDeviation { get; init; }

    private MaskedSums<TLanes> Sums { get; init; }

    private TLanes Pivot { get; init; }

    private TLanes Mean { get; init; }

    private TLanes Inner { get; init; }

    private TLanes Offset { get; init; }

    private bool IsNarrow { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedProjection<TLanes> Create<T>(in GroupStatistics<TLanes> statistics, in MaskedSums<TLanes> sums) where T : unmanaged
    {
        TLanes r = statistics.InverseStandardDeviation, inner = -r * (r * (sums.Product / sums.Total));
        return new()
        {
            InverseStandardDeviation = r,
            Sums = sums,
            Mean = sums.Sum / sums.Total,
            Pivot = TLanes.Round<T>(statistics.Mean),
            Inner = inner,
            Offset = GradientAffine<TLanes>.OffsetFromPivot<T>(statistics),
            IsNarrow = sums.Count >= Projection.FewElements
                && NumericRange.Holds<T, TLanes>(inner) && NumericRange.Spans<T, TLanes>(statistics),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientAffine<TLanes> Weighted<T>(TLanes weight) where T : unmanaged
    {
        TLanes r = InverseStandardDeviation, outer = r * weight;
        double limit = NumericRange.LargestOf<T>();
        // Sums of floats have no pivot, but dy is centered before it is scaled, as x is.
        TLanes center = typeof(T) == typeof(double) ? Sums.Pivot : TLanes.Within(TLanes.Round<T>(Mean / weight), limit);
        TLanes common = typeof(T) == typeof(double)
            ? Sums.Pivot * (weight - (Sums.MeanWeight * (Sums.Count / Sums.Total)))
            : center * weight;
        TLanes shift = (r * (common - Mean)) - (Inner * Offset);
        return new()
        {
            Center = center,
            Pivot = Pivot,
            Outer = outer,
            Inner = Inner,
            Shift = shift,
            IsNarrow = IsNarrow && NumericRange.Holds<T, TLanes>(outer) && TLanes.AreZeroOrBetween(shift, 0, limit)
                && TLanes.AreZeroOrBetween(center * outer, 0, limit),
        };
    }
}
