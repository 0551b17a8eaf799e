using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The terms of a reduction at element i: the sum gains a, the product gains a · b.</summary>
internal interface ITerms<W>
{
    void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess;
}

/// <summary>Σ a and Σ a·b.</summary>
internal struct Sums
{
    public double Sum;
    public double Product;

    public void Add(in Sums other)
    {
        Sum += other.Sum;
        Product += other.Product;
    }
}

/// <summary>
/// The one reduction over runs. Its layout is fixed whatever the width of the hardware: 16 lanes of double, element i of a run
/// in lane i mod 16, the lanes kept from run to run and folded by halves at the end. The elements of a run past its last
/// multiple of 16 are added as the last lanes of the 16 elements that end the run (as the first lanes in a run shorter than 16).
/// </summary>
internal static unsafe class Reduction
{
    private const int Lanes = 16;

    private static ReadOnlySpan<long> LaneMask =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>Keeps the first <paramref name="count"/> lanes of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W MaskFirst<W, T>(W value, nint count) where W : unmanaged, IWideSimd<W, T> where T : unmanaged
    {
        fixed (long* mask = LaneMask)
            return W.Mask(value, mask + (2 * Lanes) - count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Sums Run<T, W, TTerms>(TTerms terms, nint runs, nint length, nint stride)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        double* sums = stackalloc double[2 * Lanes];
        double* products = sums + Lanes;
        nint whole = length & ~(nint)(Lanes - 1);
        // Four vectors at a time cover all lanes from 256 bits on; narrower ones take the lanes in two turns.
        for (nint lane = 0; lane < Lanes; lane += 4 * W.Count)
        {
            W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            W a, b;
            for (nint run = 0; run < runs; run++)
            {
                nint i = (run * stride) + lane;
                nint end = i + whole;
                for (; i < end; i += Lanes)
                {
                    terms.At(i, default(Whole), out a, out b);
                    s0 += a;
                    p0 = W.FusedMultiplyAdd(a, b, p0);
                    terms.At(i + W.Count, default(Whole), out a, out b);
                    s1 += a;
                    p1 = W.FusedMultiplyAdd(a, b, p1);
                    if (2 * W.Count < Lanes)
                    {
                        terms.At(i + (2 * W.Count), default(Whole), out a, out b);
                        s2 += a;
                        p2 = W.FusedMultiplyAdd(a, b, p2);
                        terms.At(i + (3 * W.Count), default(Whole), out a, out b);
                        s3 += a;
                        p3 = W.FusedMultiplyAdd(a, b, p3);
                    }
                }
                if (whole != length)
                {
                    TailTerms<T, W, TTerms>(terms, run * stride, length, lane, out a, out b);
                    s0 += a;
                    p0 = W.FusedMultiplyAdd(a, b, p0);
                    TailTerms<T, W, TTerms>(terms, run * stride, length, lane + W.Count, out a, out b);
                    s1 += a;
                    p1 = W.FusedMultiplyAdd(a, b, p1);
                    if (2 * W.Count < Lanes)
                    {
                        TailTerms<T, W, TTerms>(terms, run * stride, length, lane + (2 * W.Count), out a, out b);
                        s2 += a;
                        p2 = W.FusedMultiplyAdd(a, b, p2);
                        TailTerms<T, W, TTerms>(terms, run * stride, length, lane + (3 * W.Count), out a, out b);
                        s3 += a;
                        p3 = W.FusedMultiplyAdd(a, b, p3);
                    }
                }
            }
            Store<T, W>(sums + lane, s0, s1, s2, s3);
            Store<T, W>(products + lane, p0, p1, p2, p3);
        }
        return new Sums { Sum = Fold<T, W>(sums), Product = Fold<T, W>(products) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T, W>(double* lanes, W v0, W v1, W v2, W v3) where T : unmanaged where W : unmanaged, IWideSimd<W, T>
    {
        W.StoreDoubles(lanes, v0);
        W.StoreDoubles(lanes + W.Count, v1);
        if (2 * W.Count < Lanes)
        {
            W.StoreDoubles(lanes + (2 * W.Count), v2);
            W.StoreDoubles(lanes + (3 * W.Count), v3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Fold<T, W>(double* lanes) where T : unmanaged where W : unmanaged, IWideSimd<W, T>
    {
        for (int half = Lanes / 2; half >= W.Count; half /= 2)
        {
            for (int i = 0; i < half; i += W.Count)
                W.StoreDoubles(lanes + i, W.LoadDoubles(lanes + i) + W.LoadDoubles(lanes + half + i));
        }
        return W.Fold(W.LoadDoubles(lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TailTerms<T, W, TTerms>(TTerms terms, nint start, nint length, nint lane, out W a, out W b)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        if (length >= Lanes)
        {
            nint tail = length & (Lanes - 1);
            terms.At(start + length - Lanes + lane, default(Whole), out a, out b);
            fixed (long* mask = LaneMask)
            {
                a = W.Mask(a, mask + tail + lane);
                b = W.Mask(b, mask + tail + lane);
            }
        }
        else
        {
            nint count = Math.Clamp(length - lane, 0, W.Count);
            terms.At(start + lane, new Part(count), out a, out b);
            a = MaskFirst<W, T>(a, count);
            b = MaskFirst<W, T>(b, count);
        }
    }
}
