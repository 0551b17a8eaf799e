using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The terms of a reduction at element i: the sum gains a, the product gains a · b.</summary>
internal interface ITerms<W>
{
    void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess;

    /// <summary>Asks for the cache line of element i, which need not exist.</summary>
    void Prefetch(nint i);
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
/// multiple of 16 are added as the last lanes of the 16 elements that end the run; runs shorter than 16 take the lanes in turn.
/// </summary>
internal static unsafe class Reduction
{
    private const int Lanes = 16;
    private const nint PrefetchAhead = 512;

    private static ReadOnlySpan<long> LaneMask =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    // The table is part of the assembly's image, which does not move.
    private static long* Mask => (long*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(LaneMask));

    /// <summary>Keeps the first <paramref name="count"/> lanes of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W MaskFirst<W, T>(W value, nint count) where W : unmanaged, IWideSimd<W, T> where T : unmanaged =>
        W.Mask(value, Mask + (2 * Lanes) - count);

    /// <summary>Keeps those of the last <paramref name="count"/> lanes of <paramref name="lanes"/> that lie in the vector at <paramref name="lane"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W MaskLast<W, T>(W value, int lanes, nint count, nint lane) where W : unmanaged, IWideSimd<W, T> where T : unmanaged =>
        W.Mask(value, Mask + Lanes - lanes + count + lane);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Sums Run<T, W, TTerms>(in TTerms source, nint runs, nint length, nint stride)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        if (length < Lanes)
            return RunShort<T, W, TTerms>(source, runs, length, stride);
        // A copy of its own stays in registers.
        TTerms terms = source;
        // The hardware follows a run by itself but does not guess where the next one starts.
        nint ahead = runs > 1 ? stride : PrefetchAhead;
        nint tail = length & (Lanes - 1);
        long* mask = Mask + tail;
        W sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        W product0 = default, product1 = default, product2 = default, product3 = default;
        // Four vectors at a time cover all lanes from 256 bits on; narrower ones take the lanes in two turns.
        for (nint lane = 0; lane < Lanes; lane += 4 * W.Count)
        {
            W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            for (nint run = 0; run < runs; run++)
            {
                nint i = (run * stride) + lane;
                nint end = i + length - tail;
                for (; i < end; i += Lanes)
                {
                    terms.Prefetch(i + ahead);
                    Add<T, W, TTerms>(terms, i, ref s0, ref p0);
                    Add<T, W, TTerms>(terms, i + W.Count, ref s1, ref p1);
                    if (2 * W.Count < Lanes)
                    {
                        Add<T, W, TTerms>(terms, i + (2 * W.Count), ref s2, ref p2);
                        Add<T, W, TTerms>(terms, i + (3 * W.Count), ref s3, ref p3);
                    }
                }
                if (tail != 0)
                {
                    i += tail - Lanes;
                    AddMasked<T, W, TTerms>(terms, i, mask + lane, ref s0, ref p0);
                    AddMasked<T, W, TTerms>(terms, i + W.Count, mask + lane + W.Count, ref s1, ref p1);
                    if (2 * W.Count < Lanes)
                    {
                        AddMasked<T, W, TTerms>(terms, i + (2 * W.Count), mask + lane + (2 * W.Count), ref s2, ref p2);
                        AddMasked<T, W, TTerms>(terms, i + (3 * W.Count), mask + lane + (3 * W.Count), ref s3, ref p3);
                    }
                }
            }
            sum0 += s0;
            sum1 += s1;
            sum2 += s2;
            sum3 += s3;
            product0 += p0;
            product1 += p1;
            product2 += p2;
            product3 += p3;
        }
        return new Sums
        {
            Sum = W.Fold(2 * W.Count < Lanes ? sum0 + sum2 + (sum1 + sum3) : sum0 + sum1),
            Product = W.Fold(2 * W.Count < Lanes ? product0 + product2 + (product1 + product3) : product0 + product1),
        };
    }

    /// <summary>Runs shorter than the lanes: their elements take the lanes in turn, from run to run.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Sums RunShort<T, W, TTerms>(in TTerms terms, nint runs, nint length, nint stride)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        // A run may begin at any lane and end, with whole vectors, past the last one; what is there belongs to the first lanes.
        const int Room = 3 * Lanes;
        double* sums = stackalloc double[2 * Room];
        new Span<double>(sums, 2 * Room).Clear();
        double* products = sums + Room;
        for (nint run = 0; run < runs; run++)
        {
            nint start = (run * length) & (Lanes - 1);
            for (nint i = 0; i < length; i += W.Count)
            {
                nint count = Math.Min(W.Count, length - i);
                terms.At((run * stride) + i, new Part(count), out W a, out W b);
                a = MaskFirst<W, T>(a, count);
                b = MaskFirst<W, T>(b, count);
                double* sum = sums + start + i, product = products + start + i;
                W.StoreDoubles(sum, W.LoadDoubles(sum) + a);
                W.StoreDoubles(product, W.FusedMultiplyAdd(a, b, W.LoadDoubles(product)));
            }
        }
        for (int i = 0; i < Lanes; i++)
        {
            sums[i] += sums[Lanes + i];
            products[i] += products[Lanes + i];
        }
        return new Sums { Sum = Fold(sums), Product = Fold(products) };
    }

    private static double Fold(double* lanes)
    {
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[half + i];
        }
        return lanes[0];
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
