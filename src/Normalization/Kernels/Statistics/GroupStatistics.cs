global using GroupStatistics = Normalization.Kernels.Statistics.GroupStatistics<Normalization.Kernels.Simd.One>;

using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>The statistics of one group, or of several side by side. The mean is <see cref="Mean"/> + <see cref="MeanLow"/>.</summary>
internal unsafe struct GroupStatistics<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    // How far the pivot may lie from the mean, in squared deviations, before the sums about the pivot lose digits.
    private const double FarPivot = 16;
    private const double FarPivotOfDoubles = 4;
    private const double FarPivotInFloats = 4;

    // 2⁻⁸⁰ and 2¹⁰⁰: squares of floats between these have all their digits.
    // With an epsilon of 2⁻⁶⁰ a smaller variance has no effect.
    private const double SmallestVarianceOfFloats = 1.0 / (1L << 40) / (1L << 40);
    private const double LargestVarianceOfFloats = (double)(1L << 50) * (1L << 50);
    private const double LargeEpsilonOfFloats = 1.0 / (1L << 60);

    // In deviations: 2⁻²⁰. Sums in float leave less.
    private const double LargestErrorOfMean = 1.0 / (1 << 20);

    // Below and above these variances, squares of doubles may have lost digits. With a larger epsilon a small variance has no effect.
    private static readonly double _smallestVariance = double.ScaleB(1, -850);
    private static readonly double _largestVariance = double.ScaleB(1, 1000);
    private static readonly double _largeEpsilon = double.ScaleB(1, -700);

    public TLanes Mean;
    public TLanes MeanLow;
    public TLanes Variance;
    public TLanes InverseStandardDeviation;

    /// <summary>The statistics of <paramref name="count"/> elements whose sums were taken about <paramref name="pivot"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics<TLanes> FromSums(TLanes sum, TLanes product, TLanes pivot, double count, double epsilon)
    {
        TLanes offset = sum / count;
        TLanes variance = TLanes.NotNegative((product - (sum * offset)) / count);
        TLanes mean = pivot + offset;
        TLanes rounded = mean - pivot;
        TLanes meanLow = TLanes.Within(pivot - (mean - rounded) + (offset - rounded), double.MaxValue);
        return FromMoments(mean, variance, epsilon, meanLow);
    }

    /// <summary>The root mean square stands for the deviation from a mean of zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics<TLanes> FromSquares(TLanes squares, double count, double epsilon) =>
        FromMoments(0, squares / count, epsilon);

    // In a constant group without epsilon the inverse is set to zero, so that the output is the bias and the gradient is zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics<TLanes> FromMoments(TLanes mean, TLanes variance, double epsilon, TLanes meanLow = default) =>
        new() { Mean = mean, MeanLow = meanLow, Variance = variance, InverseStandardDeviation = TLanes.ReciprocalSqrt(variance + epsilon) };

    /// <summary>The same scale about a mean of zero.</summary>
    public readonly GroupStatistics<TLanes> Uncentered => new() { InverseStandardDeviation = InverseStandardDeviation };

    public static GroupStatistics<TLanes> FromSaved(TLanes mean, TLanes rstd) =>
        new() { Mean = mean, InverseStandardDeviation = rstd, Variance = (TLanes)1 / (rstd * rstd) };

    /// <summary>
    /// Sets the low part of the mean of one group, and returns how far the mean has moved. A mean that is not that of the elements stays.
    /// </summary>
    public double MoveMean(double low)
    {
        double move = low - TLanes.First(MeanLow);
        if (!(Math.Abs(move) * TLanes.First(InverseStandardDeviation) <= LargestErrorOfMean))
            return 0;
        MeanLow = low;
        return move;
    }

    /// <summary>Whether sums about this pivot keep their digits in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool AreNear<T>(TLanes pivot) where T : unmanaged
    {
        TLanes offset = Mean - pivot;
        return TLanes.AreAtMost(offset * offset, (typeof(T) == typeof(float) ? FarPivot : FarPivotOfDoubles) * Variance);
    }

    /// <summary>The same of sums in float, which have fewer digits to lose.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool AreNearInFloats(TLanes pivot)
    {
        TLanes offset = Mean - pivot;
        return TLanes.AreAtMost(offset * offset, FarPivotInFloats * Variance);
    }

    /// <summary>Whether sums in float about a pivot were enough for <see cref="FromSums"/>, in every lane; without its divisions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HoldInFloats(TLanes sum, TLanes product, double count, double epsilon)
    {
        TLanes square = sum * sum, variance = (count * product) - square;
        return TLanes.AreAtMost(square, FarPivotInFloats * variance) && TLanes.AreAtMost(variance, count * count * LargestVarianceOfFloats)
            && (epsilon >= LargeEpsilonOfFloats || TLanes.AreAtMost(count * count * SmallestVarianceOfFloats, variance));
    }

    /// <summary>Whether no square of floats that matters has overflowed or lost digits in float, in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool HoldInFloats(double epsilon) =>
        TLanes.AreAtMost(Variance, LargestVarianceOfFloats)
        && (epsilon >= LargeEpsilonOfFloats || TLanes.AreAtMost(SmallestVarianceOfFloats, Variance));

    /// <summary>Whether the squares of the differences neither overflow nor vanish, in every lane; those of floats cannot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool AreInRange<T>(double epsilon) where T : unmanaged =>
        typeof(T) == typeof(float)
        || (TLanes.AreAtMost(Variance, _largestVariance) && TLanes.AreAtMost(epsilon < _largeEpsilon ? _smallestVariance : 0, Variance));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics<TLanes> Load(GroupStatistics* source)
    {
        TLanes.LoadRecords((double*)source, out TLanes mean, out TLanes meanLow, out TLanes variance, out TLanes inverse);
        return new() { Mean = mean, MeanLow = meanLow, Variance = variance, InverseStandardDeviation = inverse };
    }

    /// <summary>The same statistics in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics<TLanes> Repeat(GroupStatistics* source) => new()
    {
        Mean = (double)source->Mean,
        MeanLow = (double)source->MeanLow,
        Variance = (double)source->Variance,
        InverseStandardDeviation = (double)source->InverseStandardDeviation,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(GroupStatistics* destination) =>
        TLanes.StoreRecords((double*)destination, Mean, MeanLow, Variance, InverseStandardDeviation);
}
