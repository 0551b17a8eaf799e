global using Affine = Normalization.Kernels.Affine<Normalization.Kernels.One>;
global using GradientAffine = Normalization.Kernels.GradientAffine<Normalization.Kernels.One>;
global using Projection = Normalization.Kernels.Projection<Normalization.Kernels.One>;

using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>The coefficients of (x - pivot) · scale + shift; the pivot is an exact element, so that the difference is too near it.</summary>
internal readonly struct Affine<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    public TLanes Pivot { get; private init; }

    public TLanes Scale { get; private init; }

    public TLanes Shift { get; private init; }

    /// <summary>Whether the element type computes this without overflow or underflow, in every lane.</summary>
    public bool IsNarrow { get; private init; }

    /// <summary>x̂ = (x - mean) · r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine<TLanes> Normalizing<T>(in GroupStatistics<TLanes> statistics) where T : unmanaged => Create<T>(statistics, 1, 0);

    /// <summary>x̂ · weight + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine<TLanes> Create<T>(in GroupStatistics<TLanes> statistics, TLanes weight, TLanes bias) where T : unmanaged
    {
        TLanes pivot = TLanes.Round<T>(statistics.Mean);
        TLanes scale = statistics.ReciprocalDeviation * weight;
        return new()
        {
            Pivot = pivot,
            Scale = scale,
            Shift = bias - ((statistics.Mean - pivot + statistics.Residue) * scale),
            IsNarrow = Range.Holds<T, TLanes>(scale) && Range.Spans<T, TLanes>(statistics),
        };
    }

    /// <summary>x · scale.</summary>
    public static Affine<TLanes> Scaling<T>(TLanes scale) where T : unmanaged => new() { Scale = scale, IsNarrow = Range.Holds<T, TLanes>(scale) };
}

/// <summary>The coefficients of (dy - center) · outer + (x - pivot) · inner + shift; centre and pivot are exact elements.</summary>
internal readonly struct GradientAffine<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    public TLanes Center { get; init; }

    public TLanes Pivot { get; init; }

    public TLanes Outer { get; init; }

    public TLanes Inner { get; init; }

    public TLanes Shift { get; init; }

    /// <summary>Whether the element type computes this without overflow, underflow or loss by cancellation, in every lane.</summary>
    public bool IsNarrow { get; init; }

    /// <summary>dy · scale, where the statistics do not depend on x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine<TLanes> Scaling<T>(TLanes scale) where T : unmanaged =>
        new() { Outer = scale, IsNarrow = Range.Holds<T, TLanes>(scale) };

    /// <summary>What the pivot leaves of the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Low<T>(in GroupStatistics<TLanes> statistics) where T : unmanaged =>
        statistics.Mean - TLanes.Round<T>(statistics.Mean) + statistics.Residue;
}

/// <summary>
/// What dx takes of a group whatever the weight: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = weight · dy.
/// </summary>
internal readonly struct Projection<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The two projections of the gradient cancel nearly all of it in a group of fewer elements.</summary>
    public const int FewElements = 32;

    private TLanes ReciprocalDeviation { get; init; }

    private TLanes Mean { get; init; }

    private TLanes Pivot { get; init; }

    private TLanes Inner { get; init; }

    private TLanes Shift { get; init; }

    private bool IsNarrow { get; init; }

    /// <summary>From Σ g and Σ g · (x - mean) over the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Projection<TLanes> Create<T>(in GroupStatistics<TLanes> statistics, TLanes sum, TLanes product, double count, bool isCentered)
        where T : unmanaged
    {
        TLanes r = statistics.ReciprocalDeviation;
        TLanes inner = -r * r * r * (product / count);
        return new()
        {
            ReciprocalDeviation = r,
            Mean = isCentered ? sum / count : 0,
            Pivot = TLanes.Round<T>(statistics.Mean),
            Inner = inner,
            Shift = isCentered ? inner * GradientAffine<TLanes>.Low<T>(statistics) : 0,
            IsNarrow = count >= FewElements && Range.Holds<T, TLanes>(inner) && Range.Spans<T, TLanes>(statistics),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientAffine<TLanes> Weighted<T>(TLanes weight) where T : unmanaged
    {
        TLanes outer = ReciprocalDeviation * weight;
        // dy is centred before it is scaled, as x is; a weight near zero leaves nothing to centre.
        TLanes center = TLanes.Within(TLanes.Round<T>(Mean / weight), Range.Largest);
        TLanes shift = (outer * center) - (ReciprocalDeviation * Mean) - Shift;
        return new()
        {
            Center = center,
            Pivot = Pivot,
            Outer = outer,
            Inner = Inner,
            Shift = shift,
            IsNarrow = IsNarrow && Range.Holds<T, TLanes>(outer) && TLanes.AreZeroOrBetween(shift, 0, Range.Largest),
        };
    }
}

/// <summary>Where arithmetic in the element type is as good as in double.</summary>
internal static class Range
{
    private const double Smallest = 1.0 / (1L << 50) / (1L << 50);
    public const double Largest = (double)(1L << 50) * (1L << 50);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds<T, TLanes>(TLanes coefficient) where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(double) || TLanes.AreZeroOrBetween(coefficient, Smallest, Largest);

    /// <summary>Whether x - mean stays finite: no element of a group lies further from its mean than √(n · variance), n below 2³¹.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Spans<T, TLanes>(in GroupStatistics<TLanes> statistics) where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(double)
        || (TLanes.AreZeroOrBetween(statistics.Mean, 0, Largest) && TLanes.AreAtMost(statistics.Variance, Largest * Largest));
}
