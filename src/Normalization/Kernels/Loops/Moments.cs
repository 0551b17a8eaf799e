using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>The statistics of one group.</summary>
internal static unsafe class Moments<T, W, TSource>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    /// <summary>The first element is the pivot: a constant group has differences of exactly zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Pivot(TSource group, bool isCentered) => isCentered ? group.Gather<One>(0) : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SegmentSums(TSource group, in SliceSet set, in Segment segment, double pivot) =>
        Reduction.Run<T, W, MomentTerms<T, W, TSource>>(new(group.At(segment.Offset), pivot), segment.Slices, segment.Length, set.Stride);

    /// <summary>Turns sums into statistics, and takes the sums again about the mean where the pivot was an outlier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics Finish(TSource group, in SliceSet set, in Sums sums, bool isCentered, double epsilon)
    {
        TryFinish(group, 0, set, (One)sums.Sum, (One)sums.Product, isCentered, epsilon, out GroupStatistics statistics);
        return statistics;
    }

    /// <summary>The same for groups that lie a step apart; false where a pivot was an outlier and there are several groups.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFinish<TLanes>(
        TSource group, nint step, in SliceSet set, TLanes sum, TLanes product,
        bool isCentered, double epsilon, out GroupStatistics<TLanes> statistics)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        double count = set.Elements;
        TLanes pivot = isCentered ? group.Gather<TLanes>(step) : 0;
        statistics = isCentered
            ? GroupStatistics<TLanes>.FromSums(sum, product, pivot, count, epsilon)
            : GroupStatistics<TLanes>.FromSquares(product, count, epsilon);
        bool areNear = !isCentered || statistics.AreNear<T>(pivot);
        if (areNear && statistics.AreInRange<T>(epsilon))
            return true;
        if (TLanes.Count > 1)
            return false;
        double mean = TLanes.First(statistics.Mean);
        if (!areNear && double.IsFinite(mean - TLanes.First(pivot)))
        {
            double rounded = Element.Round<T>(mean);
            Sums again = SumsAbout(group, set, rounded);
            statistics = GroupStatistics<TLanes>.FromSums(again.Sum, again.Product, rounded, count, epsilon);
        }
        if (!statistics.AreInRange<T>(epsilon)
            && ScaledMoments.TryCompute<T, TSource>(group, set, isCentered, epsilon, out GroupStatistics scaled))
        {
            statistics = GroupStatistics<TLanes>.Load(&scaled);
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SumsAbout(TSource group, in SliceSet set, double pivot)
    {
        if (set.Segments == 1)
            return SegmentSums(group, set, set[0], pivot);
        TotalSums total = default;
        for (nint i = 0; i < set.Segments; i++)
            total.Add(SegmentSums(group, set, set[i], pivot));
        return total.Value;
    }

    /// <summary>The sums of four groups of one segment, each about its own pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SumsOfFour(TSource group, nint stride, in SliceSet set, bool isCentered, nint ahead, Sums* sums)
    {
        TSource second = group.At(stride), third = group.At(2 * stride), fourth = group.At(3 * stride);
        Reduction.RunFour<T, W, MomentTerms<T, W, TSource>>(
            new(group, Pivot(group, isCentered)),
            new(second, Pivot(second, isCentered)),
            new(third, Pivot(third, isCentered)),
            new(fourth, Pivot(fourth, isCentered)),
            set.Slices,
            set.Length,
            set.Stride,
            ahead,
            sums);
    }
}
