using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// Σ d and Σ d² of floats, with d = x - pivot, added up in float, of one layout at every vector width. A block of 128 elements has 16
/// lanes of 8 elements each, which are added as a tree: no rounding error passes through more than four additions. The 16 sums of a block
/// are added to 16 lanes of double. The elements past the last whole block of a slice are added to the same lanes in double, as <see
/// cref="Reduction"/> adds them.
/// </summary>
internal static unsafe class NarrowReduction
{
    /// <summary>The elements of a block.</summary>
    public const int BlockLength = Lanes * Depth;

    private const int Lanes = 16;
    private const int Depth = 8;

    /// <summary>
    /// The sums over all slices of some groups, which lie a group stride apart, each about the pivot in its result.
    /// One method does all groups, so that the sums of one overlap the additions across the lanes of the group before. The memory that
    /// lies <paramref name="ahead"/> is prefetched, unless that is zero.
    /// </summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <typeparam name="V">The narrow vector.</typeparam>
    /// <typeparam name="W">The wide vector.</typeparam>
    /// <typeparam name="TSource">Where the elements come from.</typeparam>
    /// <typeparam name="TCentered">On: there are pivots. Off: Σ d is not computed.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TSource, TCentered>(
        TSource groups, nint groupStride, nint count, nint slices, nint length, nint stride, nint ahead, Sums* results)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TSource : struct, ISource<TSource, T>
        where TCentered : struct, IFlag
    {
        double* lanes = stackalloc double[2 * Lanes];
        // Two vectors at a time. Lanes that they do not cover are done in the next iteration.
        nint turn = Math.Min(2 * V.Count, Lanes), whole = length & -BlockLength;
        for (nint group = 0; group < count; group++)
        {
            TSource x = groups.At(group * groupStride);
            V pivot = V.Broadcast(results[group].Pivot);
            MomentTerms<T, W, TSource> wide = new(x, results[group].Pivot);
            for (nint lane = 0; lane < Lanes; lane += turn)
            {
                W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
                for (nint slice = 0; slice < slices; slice++)
                {
                    nint i = (slice * stride) + lane;
                    for (nint end = i + whole; i < end; i += BlockLength)
                    {
                        for (nint line = i + ahead; ahead != 0 && line < i + ahead + BlockLength; line += Lanes)
                            x.Prefetch(line, isFar: false);
                        AddUp<T, V, W, TSource, TCentered>(x, i, pivot, ref s0, ref s1, ref p0, ref p1);
                        if (V.Count < Lanes)
                            AddUp<T, V, W, TSource, TCentered>(x, i + V.Count, pivot, ref s2, ref s3, ref p2, ref p3);
                    }
                    if (whole == length)
                        continue;
                    Reduction.AddRest<T, W, MomentTerms<T, W, TSource>>(
                        wide, i, length - whole, lane, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
                }
                if (TCentered.Value)
                    Store<T, V, W>(lanes + lane, s0, s1, s2, s3);
                Store<T, V, W>(lanes + Lanes + lane, p0, p1, p2, p3);
            }
            results[group].Sum = TCentered.Value ? Reduction.HorizontalSum<T, W>(lanes) : 0;
            results[group].Product = Reduction.HorizontalSum<T, W>(lanes + Lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T, V, W>(double* lanes, W first, W second, W third, W fourth)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        W.StoreDoubles(lanes, first);
        W.StoreDoubles(lanes + W.Count, second);
        if (V.Count == Lanes)
            return;
        W.StoreDoubles(lanes + (2 * W.Count), third);
        W.StoreDoubles(lanes + (3 * W.Count), fourth);
    }

    /// <summary>Adds the elements of each lane of one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUp<T, V, W, TSource, TCentered>(
        TSource x, nint i, V pivot, ref W lowerSum, ref W upperSum, ref W lowerProduct, ref W upperProduct)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TSource : struct, ISource<TSource, T>
        where TCentered : struct, IFlag
    {
        AddUpFour<T, V, TSource, TCentered>(x, i, pivot, out V sum, out V squares);
        AddUpFour<T, V, TSource, TCentered>(x, i + (4 * Lanes), pivot, out V otherSum, out V otherSquares);
        (W first, W second) = V.Widen<W>(squares + otherSquares);
        lowerProduct += first;
        upperProduct += second;
        if (!TCentered.Value)
            return;
        (first, second) = V.Widen<W>(sum + otherSum);
        lowerSum += first;
        upperSum += second;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUpFour<T, V, TSource, TCentered>(TSource x, nint i, V pivot, out V sum, out V squares)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
        where TCentered : struct, IFlag
    {
        V first = x.Load<V, Whole>(i, default), second = x.Load<V, Whole>(i + Lanes, default);
        V third = x.Load<V, Whole>(i + (2 * Lanes), default), fourth = x.Load<V, Whole>(i + (3 * Lanes), default);
        if (TCentered.Value)
            (first, second, third, fourth) = (first - pivot, second - pivot, third - pivot, fourth - pivot);
        sum = TCentered.Value ? first + second + (third + fourth) : default;
        squares = V.FusedMultiplyAdd(second, second, first * first) + V.FusedMultiplyAdd(fourth, fourth, third * third);
    }
}
