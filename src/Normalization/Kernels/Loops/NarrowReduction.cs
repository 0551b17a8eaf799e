using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// Σ x² of floats, added up in float, of one layout at every vector width. A block of 128 elements has 16 lanes of 8 elements each, which
/// are added as a tree: no rounding error passes through more than four additions. The 16 sums of a block are added to 16 lanes of
/// double. The elements past the last whole block of a slice are left to <see cref="Reduction"/>.
/// </summary>
internal static unsafe class NarrowReduction
{
    /// <summary>The elements of a block.</summary>
    public const int BlockLength = Lanes * Depth;

    private const int Lanes = 16;
    private const int Depth = 8;

    /// <summary>The elements of a slice that lie in whole blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint WholeBlocks(nint length) => length & -BlockLength;

    /// <summary>
    /// The squares in the whole blocks of all slices of some groups, which lie a group stride apart. One method does all groups, so that
    /// the sums of one overlap the additions across the lanes of the group before. The memory that lies <paramref name="ahead"/> is
    /// prefetched, unless that is zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TSource>(
        TSource groups, nint groupStride, nint count, nint slices, nint length, nint stride, nint ahead, Sums* results)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TSource : struct, ISource<TSource, T>
    {
        double* lanes = stackalloc double[Lanes];
        // Two vectors at a time. Lanes that they do not cover are done in the next iteration.
        nint turn = Math.Min(2 * V.Count, Lanes), whole = WholeBlocks(length);
        for (nint group = 0; group < count; group++)
        {
            TSource x = groups.At(group * groupStride);
            for (nint lane = 0; lane < Lanes; lane += turn)
            {
                W s0 = default, s1 = default, s2 = default, s3 = default;
                for (nint slice = 0; slice < slices; slice++)
                {
                    nint i = (slice * stride) + lane;
                    for (nint end = i + whole; i < end; i += BlockLength)
                    {
                        for (nint line = i + ahead; ahead != 0 && line < i + ahead + BlockLength; line += Lanes)
                            x.Prefetch(line, isFar: false);
                        AddUp<T, V, W, TSource>(x, i, ref s0, ref s1);
                        if (V.Count < Lanes)
                            AddUp<T, V, W, TSource>(x, i + V.Count, ref s2, ref s3);
                    }
                }
                W.StoreDoubles(lanes + lane, s0);
                W.StoreDoubles(lanes + lane + W.Count, s1);
                if (V.Count < Lanes)
                {
                    W.StoreDoubles(lanes + lane + (2 * W.Count), s2);
                    W.StoreDoubles(lanes + lane + (3 * W.Count), s3);
                }
            }
            results[group] = new() { Product = Reduction.HorizontalSum<T, W>(lanes) };
        }
    }

    /// <summary>Adds the elements of each lane of one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUp<T, V, W, TSource>(TSource x, nint i, ref W lower, ref W upper)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TSource : struct, ISource<TSource, T>
    {
        (W first, W second) = V.Widen<W>(AddUpFour<T, V, TSource>(x, i) + AddUpFour<T, V, TSource>(x, i + (4 * Lanes)));
        lower += first;
        upper += second;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V AddUpFour<T, V, TSource>(TSource x, nint i)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
    {
        V first = x.Load<V, Whole>(i, default), second = x.Load<V, Whole>(i + Lanes, default);
        V third = x.Load<V, Whole>(i + (2 * Lanes), default), fourth = x.Load<V, Whole>(i + (3 * Lanes), default);
        return V.FusedMultiplyAdd(second, second, first * first) + V.FusedMultiplyAdd(fourth, fourth, third * third);
    }
}
