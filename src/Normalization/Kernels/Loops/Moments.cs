using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The statistics of one group. The sums of long slices of floats are added up in float. Where the result says that floats were not
/// enough, they are added up again in double.
/// </summary>
internal static unsafe class Moments<T, V, W, TSource>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    /// <summary>
    /// Whether the sums of a group are first taken in float. A mean that becomes part of another mean is always taken in double.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNarrow(in SliceSet set, bool isCentered, bool isExact) =>
        typeof(T) == typeof(float) && typeof(V) != typeof(W) && !(isCentered && isExact)
        && (IsShort(set) || (set.Length >= NarrowReduction.BlockLength && set.Elements >= Thresholds.ShortestNarrowGroup));

    /// <summary>Whether a group that is summed in float is one short row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsShort(in SliceSet set) =>
        set.Slices == 1 && set.Length is >= ShortReduction.Lanes and < Thresholds.ShortestNarrowGroup;

    /// <summary>The sums of one short row or four, as <see cref="ShortReduction"/> returns them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ShortSums<TLanes>(TSource rows, nint stride, in SliceSet set, bool isCentered, nint ahead, double* results)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (isCentered)
            ShortReduction.Run<T, V, TSource, TLanes, On>(rows, stride, set.Length, ahead, results);
        else
            ShortReduction.Run<T, V, TSource, TLanes, Off>(rows, stride, set.Length, ahead, results);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums ShortSums(TSource row, in SliceSet set, bool isCentered)
    {
        double* results = stackalloc double[3];
        ShortSums<One>(row, 0, set, isCentered, ahead: 0, results);
        return new() { Sum = results[0], Product = results[1], Pivot = results[2] };
    }

    /// <summary>Turns these sums into statistics; false where floats were not enough in one of the rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFinishShort<TLanes>(
        double* sums, in SliceSet set, bool isCentered, double epsilon, out GroupStatistics<TLanes> statistics)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes pivot = TLanes.Load(sums + (2 * TLanes.Count));
        statistics = FromSums(TLanes.Load(sums), TLanes.Load(sums + TLanes.Count), pivot, isCentered, set.Elements, epsilon);
        return AreEnough(statistics, pivot, isCentered, epsilon);
    }

    /// <summary>Whether sums in float were enough, in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreEnough<TLanes>(in GroupStatistics<TLanes> statistics, TLanes pivot, bool isCentered, double epsilon)
        where TLanes : unmanaged, ILanes<TLanes> =>
        statistics.HoldInFloats(epsilon) && (!isCentered || statistics.AreNearInFloats(pivot));

    /// <summary>The sums of groups that lie a stride apart, where <see cref="IsNarrow"/> says so, and their pivots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NarrowSums(
        TSource groups, nint groupStride, nint count, in SliceSet set, bool isCentered, nint ahead, Sums* sums)
    {
        // All pivots come before the first sum, because their loads would make each sum wait.
        Lanes.Run(new NarrowPivots(groups, groupStride, in set, isCentered, sums), 0, count);
        if (set.Segments == 1)
        {
            NarrowSums(groups, groupStride, count, set, set[0], isCentered, ahead, sums);
            return;
        }
        for (nint i = 0; i < count; i++)
        {
            TotalSums total = default;
            for (nint k = 0; k < set.Segments; k++)
            {
                NarrowSums(groups.At((i * groupStride) + set[k].Offset), 0, 1, set, set[k], isCentered, ahead, sums + i);
                total.Add(sums[i]);
            }
            sums[i] = total.Value with { Pivot = sums[i].Pivot };
        }
    }

    /// <summary>The first element is the pivot: a constant group has differences of exactly zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Pivot(TSource group, bool isCentered) => isCentered ? group.Gather<One>(0) : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double NarrowPivot(TSource group, in SliceSet set, bool isCentered) =>
        isCentered ? InputPivot.Of<T, TSource, One>(group, 0, set) : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SegmentSums(TSource group, in SliceSet set, in Segment segment, bool isCentered, bool isNarrow)
    {
        if (isNarrow && IsShort(set))
            return ShortSums(group, set, isCentered);
        Sums sums = new() { Pivot = isNarrow ? NarrowPivot(group, set, isCentered) : Pivot(group, isCentered) };
        if (isNarrow)
            NarrowSums(group.At(segment.Offset), 0, 1, set, segment, isCentered, ahead: 0, &sums);
        else
            sums.Add(WideSums(group, set, segment, sums.Pivot));
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums WideSums(TSource group, in SliceSet set, in Segment segment, double pivot) =>
        Reduction.Run<T, W, MomentTerms<T, W, TSource, On>>(
            new(group.At(segment.Offset), pivot), segment.Slices, segment.Length, set.Stride);

    /// <summary>The statistics of one group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Compute(
        TSource group, in SliceSet set, bool isCentered, bool isExact, double epsilon, GroupStatistics* statistics)
    {
        bool isNarrow = IsNarrow(set, isCentered, isExact);
        Sums sums;
        if (isNarrow && IsShort(set))
            sums = ShortSums(group, set, isCentered);
        else if (isNarrow)
            NarrowSums(group, 0, 1, set, isCentered, ahead: 0, &sums);
        else
            ComputeSums(group, set, isCentered, &sums);
        TryFinish(
            group, 0, set, (One)sums.Sum, (One)sums.Product, (One)sums.Pivot, isCentered, isNarrow, epsilon,
            out GroupStatistics result);
        result.Store(statistics);
    }

    /// <summary>The sums of one group in double, about its first element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeSums(TSource group, in SliceSet set, bool isCentered, Sums* sums)
    {
        double pivot = Pivot(group, isCentered);
        Sums about = SumsAbout(group, set, pivot);
        (sums->Sum, sums->Product, sums->Pivot) = (about.Sum, about.Product, pivot);
    }

    /// <summary>Turns sums into statistics, and takes the sums again about the mean where the pivot was an outlier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics Finish(TSource group, in SliceSet set, in Sums sums, bool isCentered, bool isNarrow, double epsilon)
    {
        TryFinish(
            group, 0, set, (One)sums.Sum, (One)sums.Product, (One)sums.Pivot, isCentered, isNarrow, epsilon,
            out GroupStatistics statistics);
        return statistics;
    }

    /// <summary>The same for groups that lie a step apart; false where a pivot was an outlier and there are several groups.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFinish<TLanes>(
        TSource group, nint step, in SliceSet set, TLanes sum, TLanes product, TLanes pivot,
        bool isCentered, bool isNarrow, double epsilon, out GroupStatistics<TLanes> statistics)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        double count = set.Elements;
        statistics = FromSums(sum, product, pivot, isCentered, count, epsilon);
        if (isNarrow)
        {
            bool hold = AreEnough(statistics, pivot, isCentered, epsilon);
            if (hold || TLanes.Count > 1)
                return hold;
            pivot = Pivot(group, isCentered);
            Sums wide = SumsAbout(group, set, TLanes.First(pivot));
            statistics = FromSums<TLanes>(wide.Sum, wide.Product, pivot, isCentered, count, epsilon);
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
    private static GroupStatistics<TLanes> FromSums<TLanes>(
        TLanes sum, TLanes product, TLanes pivot, bool isCentered, double count, double epsilon)
        where TLanes : unmanaged, ILanes<TLanes> =>
        isCentered
            ? GroupStatistics<TLanes>.FromSums(sum, product, pivot, count, epsilon)
            : GroupStatistics<TLanes>.FromSquares(product, count, epsilon);

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

    /// <summary>
    /// Backward: takes the sums about the mean again in double, where the sums in float left an error that a large common part of dy would
    /// multiply. Returns how far the mean has moved. A mean that is not that of the elements stays.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static double RefineMean(TSource group, in SliceSet set, ref GroupStatistics statistics) =>
        statistics.MoveMean(SumsAbout(group, set, statistics.Mean).Sum / set.Elements);

    /// <summary>The sums of four groups of one segment, each about its own pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SumsOfFour(TSource group, nint stride, in SliceSet set, bool isCentered, nint ahead, Sums* sums)
    {
        TSource second = group.At(stride), third = group.At(2 * stride), fourth = group.At(3 * stride);
        double first = Pivot(group, isCentered), pivot2 = Pivot(second, isCentered);
        double pivot3 = Pivot(third, isCentered), pivot4 = Pivot(fourth, isCentered);
        Reduction.RunFour<T, W, MomentTerms<T, W, TSource, On>>(
            new(group, first), new(second, pivot2), new(third, pivot3), new(fourth, pivot4),
            set.Slices, set.Length, set.Stride, ahead, sums);
        (sums[0].Pivot, sums[1].Pivot, sums[2].Pivot, sums[3].Pivot) = (first, pivot2, pivot3, pivot4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NarrowSums(
        TSource groups, nint groupStride, nint count, in SliceSet set, in Segment size, bool isCentered, nint ahead, Sums* sums)
    {
        // The hardware prefetches inside a slice, but does not know where the next slice starts.
        ahead = size.Slices > 1 ? set.Stride : ahead;
        if (isCentered)
            NarrowSums<On>(groups, groupStride, count, set, size, ahead, sums);
        else
            NarrowSums<Off>(groups, groupStride, count, set, size, ahead, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NarrowSums<TCentered>(
        TSource groups, nint groupStride, nint count, in SliceSet set, in Segment size, nint ahead, Sums* sums)
        where TCentered : struct, IFlag =>
        NarrowReduction.Run<
            T, V, W, MomentGroups<T, V, W, TSource, TCentered>, MomentTerms<T, V, TSource, TCentered>,
            MomentTerms<T, W, TSource, TCentered>, TCentered>(
                new(groups, groupStride, sums), count, size.Slices, size.Length, set.Stride, ahead, sums);

    private readonly ref struct NarrowPivots(TSource groups, nint step, ref readonly SliceSet set, bool isCentered, Sums* sums) : ILaneJob
    {
        private readonly TSource _groups = groups;
        private readonly nint _step = step;
        private readonly ref readonly SliceSet _set = ref set;
        private readonly bool _isCentered = isCentered;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            TLanes pivots = _isCentered ? InputPivot.Of<T, TSource, TLanes>(_groups.At(first * _step), _step, _set) : 0;
            TLanes.Scatter(&_sums[first].Pivot, sizeof(Sums) / sizeof(double), pivots);
            return true;
        }
    }
}
