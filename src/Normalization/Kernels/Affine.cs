using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>The coefficients of (x - pivot) · scale + shift; the pivot is an exact element, so that the difference is too near it.</summary>
internal readonly struct Affine
{
    public double Pivot { get; private init; }

    public double Scale { get; private init; }

    public double Shift { get; private init; }

    /// <summary>Whether the element type computes this without overflow or underflow.</summary>
    public bool IsNarrow { get; private init; }

    /// <summary>x̂ = (x - mean) · r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine Normalizing<T>(in GroupStatistics statistics) where T : unmanaged => Create<T>(statistics, 1, 0);

    /// <summary>x̂ · weight + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine Create<T>(in GroupStatistics statistics, double weight, double bias) where T : unmanaged
    {
        double pivot = Element.Round<T>(statistics.Mean);
        double scale = statistics.ReciprocalDeviation * weight;
        return new()
        {
            Pivot = pivot,
            Scale = scale,
            Shift = bias - ((statistics.Mean - pivot + statistics.Residue) * scale),
            IsNarrow = Range.Holds<T>(scale) && Range.Spans<T>(statistics),
        };
    }

    /// <summary>x · scale.</summary>
    public static Affine Scaling<T>(double scale) where T : unmanaged => new() { Scale = scale, IsNarrow = Range.Holds<T>(scale) };
}

/// <summary>The coefficients of (dy - center) · outer + (x - pivot) · inner + shift; centre and pivot are exact elements.</summary>
internal readonly struct GradientAffine
{
    public double Center { get; init; }

    public double Pivot { get; init; }

    public double Outer { get; init; }

    public double Inner { get; init; }

    public double Shift { get; init; }

    /// <summary>Whether the element type computes this without overflow, underflow or loss by cancellation.</summary>
    public bool IsNarrow { get; init; }

    /// <summary>dy · scale, where the statistics do not depend on x.</summary>
    public static GradientAffine Scaling<T>(double scale) where T : unmanaged => new() { Outer = scale, IsNarrow = Range.Holds<T>(scale) };

    /// <summary>What the pivot leaves of the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Low<T>(in GroupStatistics statistics) where T : unmanaged =>
        statistics.Mean - Element.Round<T>(statistics.Mean) + statistics.Residue;
}

/// <summary>
/// What dx takes of a group whatever the weight: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = weight · dy.
/// </summary>
internal readonly struct Projection
{
    // The two projections of the gradient cancel nearly all of it in a group of few elements.
    private const int FewElements = 32;

    private double ReciprocalDeviation { get; init; }

    private double Mean { get; init; }

    private double Pivot { get; init; }

    private double Inner { get; init; }

    private double Shift { get; init; }

    private bool IsNarrow { get; init; }

    /// <summary><paramref name="sums"/> are Σ g and Σ g · (x - mean) over the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Projection Create<T>(in GroupStatistics statistics, in Sums sums, double count, bool isCentered) where T : unmanaged
    {
        double r = statistics.ReciprocalDeviation;
        double inner = -r * r * r * (sums.Product / count);
        return new()
        {
            ReciprocalDeviation = r,
            Mean = isCentered ? sums.Sum / count : 0,
            Pivot = Element.Round<T>(statistics.Mean),
            Inner = inner,
            Shift = isCentered ? inner * GradientAffine.Low<T>(statistics) : 0,
            IsNarrow = count >= FewElements && Range.Holds<T>(inner) && Range.Spans<T>(statistics),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientAffine Weighted<T>(double weight) where T : unmanaged
    {
        double outer = ReciprocalDeviation * weight;
        // dy is centred before it is scaled, as x is; a weight near zero leaves nothing to centre.
        double center = Element.Round<T>(Mean / weight);
        center = Math.Abs(center) <= Range.Largest ? center : 0;
        double shift = (outer * center) - (ReciprocalDeviation * Mean) - Shift;
        return new()
        {
            Center = center,
            Pivot = Pivot,
            Outer = outer,
            Inner = Inner,
            Shift = shift,
            IsNarrow = IsNarrow && Range.Holds<T>(outer) && Math.Abs(shift) <= Range.Largest,
        };
    }
}

/// <summary>Where arithmetic in the element type is as good as in double.</summary>
internal static class Range
{
    private const double Smallest = 1.0 / (1L << 50) / (1L << 50);
    public const double Largest = (double)(1L << 50) * (1L << 50);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds<T>(double coefficient) =>
        typeof(T) == typeof(double) || coefficient == 0 || (Math.Abs(coefficient) >= Smallest && Math.Abs(coefficient) <= Largest);

    /// <summary>Whether x - mean stays finite: no element of a group lies further from its mean than √(n · variance), n below 2³¹.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Spans<T>(in GroupStatistics statistics) =>
        typeof(T) == typeof(double) || (Math.Abs(statistics.Mean) <= Largest && statistics.Variance <= Largest * Largest);
}
