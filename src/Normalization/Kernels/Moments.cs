using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The statistics of one group.</summary>
internal static unsafe class Moments<T, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    // How far, in squared deviations, the pivot may lie from the mean before the sums about it lose digits.
    private const double FarPivot = 16;

    /// <summary>The first element is the pivot: a constant group has differences of exactly zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Pivot(T* group, bool isCentered) => isCentered ? Element.ToDouble(*group) : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SegmentSums(T* group, in RunSet set, in Segment segment, double pivot) =>
        Reduction.Run<T, W, MomentTerms<T, W>>(new(group + segment.Offset, pivot), segment.Runs, segment.Length, set.Stride);

    /// <summary>Turns sums into statistics, and takes the sums again about the mean where the pivot was an outlier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics Finish(T* group, in RunSet set, in Sums sums, double pivot, bool isCentered, double epsilon)
    {
        double count = set.Elements;
        if (!isCentered)
            return GroupStatistics.FromSquares(sums.Product, count, epsilon);
        GroupStatistics statistics = GroupStatistics.FromSums(sums, pivot, count, epsilon);
        double offset = statistics.Mean - pivot;
        if (offset * offset <= FarPivot * statistics.Variance || !double.IsFinite(offset))
            return statistics;
        pivot = Element.Round<T>(statistics.Mean);
        return GroupStatistics.FromSums(SumsAbout(group, set, pivot), pivot, count, epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SumsAbout(T* group, in RunSet set, double pivot)
    {
        Sums total = SegmentSums(group, set, set[0], pivot);
        for (nint i = 1; i < set.Segments; i++)
            total.Add(SegmentSums(group, set, set[i], pivot));
        return total;
    }

    /// <summary>The sums of four groups of one segment, each about its own pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SumsOfFour(T* group, nint stride, in RunSet set, bool isCentered, Sums* sums)
    {
        T* second = group + stride, third = second + stride, fourth = third + stride;
        Reduction.RunFour<T, W, MomentTerms<T, W>>(
            new(group, Pivot(group, isCentered)),
            new(second, Pivot(second, isCentered)),
            new(third, Pivot(third, isCentered)),
            new(fourth, Pivot(fourth, isCentered)),
            set.Runs,
            set.Length,
            set.Stride,
            sums);
    }
}
