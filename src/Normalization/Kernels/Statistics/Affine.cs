global using Affine = Normalization.Kernels.Statistics.Affine<Normalization.Kernels.Simd.One>;
global using GradientAffine = Normalization.Kernels.Statistics.GradientAffine<Normalization.Kernels.Simd.One>;

using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>
/// The coefficients of (x - pivot) · scale + shift. The pivot is a value of the element type, so that x - pivot is exact for x near the
/// pivot.
/// </summary>
internal unsafe struct Affine<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    public TLanes Pivot { get; private init; }

    public TLanes Scale { get; private init; }

    public TLanes Shift { get; private init; }

    /// <summary>Whether the element type computes this without overflow or underflow, in every lane.</summary>
    public bool IsNarrow { get; private set; }

    /// <summary>x̂ = (x - mean) · r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine<TLanes> Normalizing<T>(in GroupStatistics<TLanes> statistics) where T : unmanaged => Create<T>(statistics, 1, 0);

    /// <summary>x̂ · weight + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Affine<TLanes> Create<T>(in GroupStatistics<TLanes> statistics, TLanes weight, TLanes bias) where T : unmanaged
    {
        TLanes pivot = TLanes.Round<T>(statistics.Mean);
        TLanes scale = statistics.InverseStandardDeviation * weight;
        return new()
        {
            Pivot = pivot,
            Scale = scale,
            Shift = bias - ((statistics.Mean - pivot + statistics.MeanLow) * scale),
            IsNarrow = NumericRange.Holds<T, TLanes>(scale) && NumericRange.Spans<T, TLanes>(statistics)
                && NumericRange.Factors<T, TLanes>(statistics.InverseStandardDeviation) && NumericRange.Factors<T, TLanes>(weight),
        };
    }

    /// <summary>Stores the coefficients of each lane as elements, each kind <paramref name="step"/> elements apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void StoreElements<T>(T* destination, nint step) where T : unmanaged
    {
        TLanes.StoreElements(destination, Pivot);
        TLanes.StoreElements(destination + step, Scale);
        TLanes.StoreElements(destination + (2 * step), Shift);
    }

    /// <summary>Stores each lane by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(Affine* destination)
    {
        // The place of the flag is written twice.
        TLanes.StoreRecords((double*)destination, Pivot, Scale, Shift, 0);
        for (int lane = 0; lane < TLanes.Count; lane++)
            destination[lane].IsNarrow = IsNarrow;
    }
}

/// <summary>The coefficients of (dy - center) · outer + (x - pivot) · inner + shift; center and pivot are exact elements.</summary>
internal unsafe struct GradientAffine<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    public TLanes Center { get; init; }

    public TLanes Pivot { get; init; }

    public TLanes Outer { get; init; }

    public TLanes Inner { get; init; }

    public TLanes Shift { get; init; }

    /// <summary>Whether the element type computes this without overflow, underflow or loss by cancellation, in every lane.</summary>
    public bool IsNarrow { get; set; }

    /// <summary>Whether the coefficients leave the range of doubles, so that <see cref="Hard"/> is used.</summary>
    public bool IsHard { get; private set; }

    public readonly HardGradient Hard => new()
    {
        Exponent = (int)TLanes.First(Center),
        Mean = TLanes.First(Outer),
        MeanRest = TLanes.First(Inner),
        Slope = TLanes.First(Shift),
    };

    public readonly Arithmetic Arithmetic => IsHard ? Arithmetic.Hard : IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide;

    /// <summary>The numbers of a hard gradient take the places of the coefficients, so that the coefficients stay small.</summary>
    public static GradientAffine<TLanes> OfHard(in HardGradient hard) => new()
    {
        IsHard = true,
        Center = hard.Exponent,
        Outer = hard.Mean,
        Inner = hard.MeanRest,
        Shift = hard.Slope,
    };

    /// <summary>Stores each lane by itself, number by number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(GradientAffine* destination)
    {
        nint step = sizeof(GradientAffine) / sizeof(double);
        double* numbers = (double*)destination;
        TLanes.Scatter(numbers, step, Center);
        TLanes.Scatter(numbers + 1, step, Pivot);
        TLanes.Scatter(numbers + 2, step, Outer);
        TLanes.Scatter(numbers + 3, step, Inner);
        TLanes.Scatter(numbers + 4, step, Shift);
        for (int lane = 0; lane < TLanes.Count; lane++)
            (destination[lane].IsNarrow, destination[lane].IsHard) = (IsNarrow, IsHard);
    }

    /// <summary>dy · r · weight, where the statistics do not depend on x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine<TLanes> Scaling<T>(in GroupStatistics<TLanes> statistics, TLanes weight) where T : unmanaged
    {
        var affine = Affine<TLanes>.Create<T>(statistics.Uncentered, weight, 0);
        return new() { Outer = affine.Scale, IsNarrow = affine.IsNarrow };
    }

    /// <summary>
    /// Of a row of <paramref name="count"/> elements whose weights are part of dy, from Σ dy and Σ dy · x̂. The same numbers as <see
    /// cref="Projection{TLanes}"/> gives, from fewer variables, because the JIT keeps only so many in registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine<TLanes> OfRow<T>(
        in GroupStatistics<TLanes> statistics, TLanes sum, TLanes product, double count, bool isCentered, bool mayBeNarrow)
        where T : unmanaged
    {
        TLanes r = statistics.InverseStandardDeviation, inner = -r * (r * (product / count));
        TLanes mean = isCentered ? sum / count : 0, center = TLanes.Within(TLanes.Round<T>(mean), NumericRange.LargestOf<T>());
        TLanes shift = (r * center) - (r * mean) - (isCentered ? inner * OffsetFromPivot<T>(statistics) : 0);
        return new()
        {
            Center = center,
            Pivot = TLanes.Round<T>(statistics.Mean),
            Outer = r,
            Inner = inner,
            Shift = shift,
            IsNarrow = mayBeNarrow && count >= Projection.FewElements
                && NumericRange.Holds<T, TLanes>(inner) && NumericRange.Spans<T, TLanes>(statistics)
                && NumericRange.Holds<T, TLanes>(r) && TLanes.AreZeroOrBetween(shift, 0, NumericRange.LargestOf<T>()),
        };
    }

    /// <summary>Stores the coefficients of each lane as elements, each kind <paramref name="step"/> elements apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void StoreElements<T>(T* destination, nint step) where T : unmanaged
    {
        TLanes.StoreElements(destination, -Center);
        TLanes.StoreElements(destination + step, Pivot);
        TLanes.StoreElements(destination + (2 * step), Outer);
        TLanes.StoreElements(destination + (3 * step), Inner);
        TLanes.StoreElements(destination + (4 * step), Shift);
    }

    /// <summary>What the pivot leaves of the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes OffsetFromPivot<T>(in GroupStatistics<TLanes> statistics) where T : unmanaged =>
        statistics.Mean - TLanes.Round<T>(statistics.Mean) + statistics.MeanLow;
}
