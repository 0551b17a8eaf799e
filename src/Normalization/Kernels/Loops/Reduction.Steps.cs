using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <content>The elements that one step adds to the vectors.</content>
internal static unsafe partial class Reduction
{
    /// <summary>The elements of a slice from i on, added to two vectors of lanes or to four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddRest<T, W, TTerms>(
        TTerms terms, nint i, nint length, nint lane, ref W s0, ref W s1, ref W s2, ref W s3, ref W p0, ref W p1, ref W p2, ref W p3)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        nint tail = length & (Lanes - 1);
        for (nint end = i + length - tail; i < end; i += Lanes)
            AddStep<T, W, TTerms>(terms, i, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
        if (tail > 0)
        {
            AddTail<T, W, TTerms>(
                terms, i + tail - Lanes, Mask + tail + lane, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
        }
    }

    /// <summary>Neighboring vectors of one reduction: two that fill the lanes, or four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddStep<T, W, TTerms>(
        TTerms terms, nint i, ref W s0, ref W s1, ref W s2, ref W s3, ref W p0, ref W p1, ref W p2, ref W p3)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        Add<T, W, TTerms>(terms, i, ref s0, ref p0);
        Add<T, W, TTerms>(terms, i + W.Count, ref s1, ref p1);
        if (2 * W.Count >= Lanes)
            return;
        Add<T, W, TTerms>(terms, i + (2 * W.Count), ref s2, ref p2);
        Add<T, W, TTerms>(terms, i + (3 * W.Count), ref s3, ref p3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTail<T, W, TTerms>(
        TTerms terms, nint i, long* mask, ref W s0, ref W s1, ref W s2, ref W s3, ref W p0, ref W p1, ref W p2, ref W p3)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        AddMasked<T, W, TTerms>(terms, i, mask, ref s0, ref p0);
        AddMasked<T, W, TTerms>(terms, i + W.Count, mask + W.Count, ref s1, ref p1);
        if (2 * W.Count >= Lanes)
            return;
        AddMasked<T, W, TTerms>(terms, i + (2 * W.Count), mask + (2 * W.Count), ref s2, ref p2);
        AddMasked<T, W, TTerms>(terms, i + (3 * W.Count), mask + (3 * W.Count), ref s3, ref p3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T, W, TTerms>(TTerms terms, nint i, ref W sum, ref W product)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        terms.At(i, default(Whole), out W a, out W b);
        sum += a;
        product = W.FusedMultiplyAdd(a, b, product);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddMasked<T, W, TTerms>(TTerms terms, nint i, long* mask, ref W sum, ref W product)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        terms.At(i, default(Whole), out W a, out W b);
        a = W.Mask(a, mask);
        sum += a;
        product = W.FusedMultiplyAdd(a, W.Mask(b, mask), product);
    }
}
