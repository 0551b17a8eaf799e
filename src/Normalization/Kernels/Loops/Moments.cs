using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The statistics of one group. The squares of long slices of floats are added up in float. Where the result says that floats were not
/// enough, the squares are added up again in double.
/// </summary>
internal static unsafe class Moments<T, V, W, TSource>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    /// <summary>
    /// Whether the sums of a group are first taken in float. A mean would not be close enough for backward, where dy may have a large
    /// common part, so only the squares of RMS are.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNarrow(in SliceSet set, bool isCentered) =>
        typeof(T) == typeof(float) && typeof(V) != typeof(W) && !isCentered && set.Length >= NarrowReduction.BlockLength;

    /// <summary>The squares of groups that lie a stride apart, where <see cref="IsNarrow"/> says so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NarrowSums(TSource groups, nint groupStride, nint count, in SliceSet set, nint ahead, Sums* sums)
    {
        if (set.Segments == 1)
        {
            NarrowSums(groups, groupStride, count, set, set[0], ahead, sums);
            return;
        }
        for (nint i = 0; i < count; i++)
        {
            TotalSums total = default;
            for (nint k = 0; k < set.Segments; k++)
            {
                NarrowSums(groups.At((i * groupStride) + set[k].Offset), 0, 1, set, set[k], ahead, sums + i);
                total.Add(sums[i]);
            }
            sums[i] = total.Value;
        }
    }

    /// <summary>The first element is the pivot: a constant group has differences of exactly zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Pivot(TSource group, bool isCentered) => isCentered ? group.Gather<One>(0) : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SegmentSums(TSource group, in SliceSet set, in Segment segment, bool isCentered)
    {
        if (!IsNarrow(set, isCentered))
            return WideSums(group, set, segment, Pivot(group, isCentered));
        Sums sums;
        NarrowSums(group.At(segment.Offset), 0, 1, set, segment, ahead: 0, &sums);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums WideSums(TSource group, in SliceSet set, in Segment segment, double pivot) =>
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
        if (IsNarrow(set, isCentered))
        {
            if (statistics.HoldInFloats(epsilon) || TLanes.Count > 1)
                return statistics.HoldInFloats(epsilon);
            Sums wide = SumsAbout(group, set, 0);
            statistics = GroupStatistics<TLanes>.FromSquares(wide.Product, count, epsilon);
        }
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
            return WideSums(group, set, set[0], pivot);
        TotalSums total = default;
        for (nint i = 0; i < set.Segments; i++)
            total.Add(WideSums(group, set, set[i], pivot));
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NarrowSums(
        TSource groups, nint groupStride, nint count, in SliceSet set, in Segment size, nint ahead, Sums* sums)
    {
        NarrowReduction.Run<T, V, W, TSource>(groups, groupStride, count, size.Slices, size.Length, set.Stride, ahead, sums);
        nint whole = NarrowReduction.WholeBlocks(size.Length);
        Segment rest = new(whole, size.Slices, size.Length - whole);
        for (nint i = 0; i < count && whole < size.Length; i++)
            sums[i].Add(WideSums(groups.At(i * groupStride), set, rest, 0));
    }
}
