using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// Σ a and Σ a · b of terms of floats, added up in float, of one layout at every vector width. A block of 128 elements has 16 lanes of 8
/// elements each, which are added as a tree: no rounding error passes through more than four additions. The 16 sums of a block are added
/// to 16 lanes of double. The elements past the last whole block of a slice are added to the same lanes in double, as <see
/// cref="Reduction"/> adds them.
/// </summary>
internal static unsafe class NarrowReduction
{
    /// <summary>The elements of a block.</summary>
    public const int BlockLength = Lanes * Depth;

    private const int Lanes = 16;
    private const int Depth = 8;

    /// <summary>
    /// The sums over all slices of some groups.
    /// One method does all groups, so that the sums of one overlap the additions across the lanes of the group before. The memory that
    /// lies <paramref name="ahead"/> is prefetched, unless that is zero.
    /// </summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <typeparam name="V">The narrow vector.</typeparam>
    /// <typeparam name="W">The wide vector.</typeparam>
    /// <typeparam name="TGroups">The terms of each group.</typeparam>
    /// <typeparam name="TNarrow">The terms in float.</typeparam>
    /// <typeparam name="TWide">The same terms in double.</typeparam>
    /// <typeparam name="TSum">Off: Σ a is not computed.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TGroups, TNarrow, TWide, TSum>(
        TGroups groups, nint count, nint slices, nint length, nint stride, nint ahead, Sums* results)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TGroups : struct, IGroupTerms<TNarrow, TWide>
        where TNarrow : struct, ITerms<V>
        where TWide : struct, ITerms<W>
        where TSum : struct, IFlag
    {
        double* lanes = stackalloc double[2 * Lanes];
        // Two vectors at a time. Lanes that they do not cover are done in the next iteration.
        nint turn = Math.Min(2 * V.Count, Lanes), whole = length & -BlockLength;
        for (nint group = 0; group < count; group++)
        {
            TNarrow terms = groups.NarrowAt(group);
            for (nint lane = 0; lane < Lanes; lane += turn)
            {
                double* sums = lanes + lane, products = sums + Lanes;
                W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
                for (nint slice = 0; slice < slices; slice++)
                {
                    nint i = (slice * stride) + lane;
                    for (nint end = i + whole; i < end; i += BlockLength)
                    {
                        if (ahead != 0)
                            Prefetch<TNarrow, V>(terms, i + ahead);
                        AddUp<T, V, W, TNarrow, TSum>(terms, i, ref s0, ref s1, ref p0, ref p1);
                        if (V.Count < Lanes)
                            AddUp<T, V, W, TNarrow, TSum>(terms, i + V.Count, ref s2, ref s3, ref p2, ref p3);
                    }
                    // Written out: a method for these stores would stay a call, which passes vectors on the stack.
                    W.StoreDoubles(sums, s0);
                    W.StoreDoubles(sums + W.Count, s1);
                    W.StoreDoubles(products, p0);
                    W.StoreDoubles(products + W.Count, p1);
                    if (V.Count < Lanes)
                    {
                        W.StoreDoubles(sums + (2 * W.Count), s2);
                        W.StoreDoubles(sums + (3 * W.Count), s3);
                        W.StoreDoubles(products + (2 * W.Count), p2);
                        W.StoreDoubles(products + (3 * W.Count), p3);
                    }
                    if (whole == length)
                        continue;
                    AddRest<T, W, TWide>(groups.WideAt(group), i, length - whole, lane, lanes);
                    (s0, s1) = (W.LoadDoubles(sums), W.LoadDoubles(sums + W.Count));
                    (p0, p1) = (W.LoadDoubles(products), W.LoadDoubles(products + W.Count));
                    if (V.Count < Lanes)
                    {
                        (s2, s3) = (W.LoadDoubles(sums + (2 * W.Count)), W.LoadDoubles(sums + (3 * W.Count)));
                        (p2, p3) = (W.LoadDoubles(products + (2 * W.Count)), W.LoadDoubles(products + (3 * W.Count)));
                    }
                }
            }
            AddAcross<T, W>(lanes, results + group);
        }
    }

    /// <summary>Adds what is left of a slice to some lanes. A method of its own leaves the registers to the loop over the blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddRest<T, W, TWide>(in TWide terms, nint i, nint length, nint lane, double* lanes)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TWide : struct, ITerms<W>
    {
        double* sums = lanes + lane, products = sums + Lanes;
        int vectors = 2 * W.Count < Lanes ? 4 : 2;
        W s0 = W.LoadDoubles(sums), s1 = W.LoadDoubles(sums + W.Count), s2 = default, s3 = default;
        W p0 = W.LoadDoubles(products), p1 = W.LoadDoubles(products + W.Count), p2 = default, p3 = default;
        if (vectors == 4)
        {
            (s2, s3) = (W.LoadDoubles(sums + (2 * W.Count)), W.LoadDoubles(sums + (3 * W.Count)));
            (p2, p3) = (W.LoadDoubles(products + (2 * W.Count)), W.LoadDoubles(products + (3 * W.Count)));
        }
        Reduction.AddRest<T, W, TWide>(terms, i, length, lane, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
        LaneSums.AddBlock<T, W>(sums, W.Count, Lanes, vectors, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
    }

    // A method of its own, because the JIT inlines only so much into one method.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddAcross<T, W>(double* lanes, Sums* result)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        result->Sum = Reduction.HorizontalSum<T, W>(lanes);
        result->Product = Reduction.HorizontalSum<T, W>(lanes + Lanes);
    }

    /// <summary>Prefetches a block. A loop would take more instructions than the prefetches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TTerms, V>(TTerms terms, nint i) where TTerms : struct, ITerms<V>
    {
        terms.Prefetch(i);
        terms.Prefetch(i + Lanes);
        terms.Prefetch(i + (2 * Lanes));
        terms.Prefetch(i + (3 * Lanes));
        terms.Prefetch(i + (4 * Lanes));
        terms.Prefetch(i + (5 * Lanes));
        terms.Prefetch(i + (6 * Lanes));
        terms.Prefetch(i + (7 * Lanes));
    }

    /// <summary>Adds the elements of each lane of one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUp<T, V, W, TTerms, TSum>(
        TTerms terms, nint i, ref W lowerSum, ref W upperSum, ref W lowerProduct, ref W upperProduct)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<V>
        where TSum : struct, IFlag
    {
        AddUpFour<T, V, TTerms, TSum>(terms, i, out V sum, out V product);
        AddUpFour<T, V, TTerms, TSum>(terms, i + (4 * Lanes), out V otherSum, out V otherProduct);
        (W first, W second) = V.Widen<W>(product + otherProduct);
        lowerProduct += first;
        upperProduct += second;
        if (!TSum.Value)
            return;
        (first, second) = V.Widen<W>(sum + otherSum);
        lowerSum += first;
        upperSum += second;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUpFour<T, V, TTerms, TSum>(TTerms terms, nint i, out V sum, out V product)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TTerms : struct, ITerms<V>
        where TSum : struct, IFlag
    {
        // Each element is used as soon as it is loaded, because vectors of 256 bits have few registers.
        terms.At(i, default(Whole), out V a, out V b);
        sum = a;
        product = a * b;
        terms.At(i + Lanes, default(Whole), out a, out b);
        sum = TSum.Value ? sum + a : default;
        product = V.FusedMultiplyAdd(a, b, product);
        terms.At(i + (2 * Lanes), default(Whole), out a, out b);
        V otherSum = a, otherProduct = a * b;
        terms.At(i + (3 * Lanes), default(Whole), out a, out b);
        sum = TSum.Value ? sum + (otherSum + a) : default;
        product += V.FusedMultiplyAdd(a, b, otherProduct);
    }
}
