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
internal readonly record struct MaskedSums(double Sum, double Product, double Pivot, double MeanWeight, double Total, nint Count);

/// <summary>
/// The part of dx = r · (g - w / W · (Σ g + x̂ · Σ g · x̂)) that is the same for all coefficients of a group. Numbers of doubles whose
/// products leave the range of doubles have no way of their own here.
/// </summary>
internal readonly struct MaskedProjection
{
    private double InverseStandardDeviation { get; init; }

    private MaskedSums Sums { get; init; }

    private double Pivot { get; init; }

    private double Mean { get; init; }

    private double Inner { get; init; }

    private double Offset { get; init; }

    private bool IsNarrow { get; init; }

    public static MaskedProjection Create<T>(in GroupStatistics statistics, in MaskedSums sums) where T : unmanaged
    {
        double r = statistics.InverseStandardDeviation, inner = -r * (r * (sums.Product / sums.Total));
        return new()
        {
            InverseStandardDeviation = r,
            Sums = sums,
            Mean = sums.Sum / sums.Total,
            Pivot = Element.Round<T>(statistics.Mean),
            Inner = inner,
            Offset = GradientAffine.OffsetFromPivot<T>(statistics),
            IsNarrow = sums.Count >= Projection.FewElements
                && NumericRange.Holds<T, One>(inner) && NumericRange.Spans<T, One>(statistics),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientAffine Weighted<T>(double weight) where T : unmanaged
    {
        double r = InverseStandardDeviation, outer = r * weight;
        // Sums of floats have no pivot, but dy is centered before it is scaled, as x is.
        double center = typeof(T) == typeof(double)
            ? Sums.Pivot
            : One.Within(Element.Round<T>(Mean / weight), NumericRange.LargestOf<T>());
        double common = typeof(T) == typeof(double)
            ? Sums.Pivot * (weight - (Sums.MeanWeight * (Sums.Count / Sums.Total)))
            : center * weight;
        double shift = (r * (common - Mean)) - (Inner * Offset);
        double limit = NumericRange.LargestOf<T>();
        return new()
        {
            Center = center,
            Pivot = Pivot,
            Outer = outer,
            Inner = Inner,
            Shift = shift,
            IsNarrow = IsNarrow && NumericRange.Holds<T, One>(outer) && One.AreZeroOrBetween(shift, 0, limit)
                && One.AreZeroOrBetween(center * outer, 0, limit),
        };
    }
}
