using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The one reduction over slices, of one layout at every vector width: 16 lanes of double, element i of a slice in lane i mod 16. The
/// lanes go on from slice to slice (those of doubles in blocks) and are added by halves at the end. The elements past the last multiple
/// of 16 are the last lanes of the 16 elements that end the slice. Slices shorter than 16 take the lanes one after another.
/// </summary>
internal static unsafe partial class Reduction
{
    private const int Lanes = 16;
    private const int Four = 4;
    // The hardware prefetcher stops at the end of a page. This distance reaches across the end.
    public const nint PrefetchAhead = 2048;
    // Doubles are added in blocks of this many elements. Even if all rounding errors have one sign, they then stay below 52 units.
    private const nint BlockLength = 512;

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

    /// <summary>
    /// Keeps those of the last <paramref name="count"/> lanes of <paramref name="lanes"/> that lie in the vector at <paramref
    /// name="lane"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W MaskLast<W, T>(W value, int lanes, nint count, nint lane) where W : unmanaged, IWideSimd<W, T> where T : unmanaged =>
        W.Mask(value, Mask + Lanes - lanes + count + lane);

    public static Sums Run<T, W, TTerms>(in TTerms terms, nint slices, nint length, nint stride)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        if (length < Lanes)
            return ReduceShort<T, W, TTerms>(terms, slices, length, stride);
        // The hardware prefetches inside a slice, but does not know where the next slice starts.
        Sums result;
        Run<T, W, TTerms, Off, On>(terms, terms, terms, terms, slices, length, stride, ahead: slices > 1 ? stride : PrefetchAhead, &result);
        return result;
    }

    /// <summary>
    /// Four reductions side by side. No reduction waits for the additions of another, and each has the bits that it has alone. Memory
    /// that lies <paramref name="ahead"/> is prefetched, unless <paramref name="ahead"/> is zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunFour<T, W, TTerms>(
        in TTerms first, in TTerms second, in TTerms third, in TTerms fourth,
        nint slices, nint length, nint stride, nint ahead, Sums* results)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        if (length < Lanes)
        {
            results[0] = ReduceShort<T, W, TTerms>(first, slices, length, stride);
            results[1] = ReduceShort<T, W, TTerms>(second, slices, length, stride);
            results[2] = ReduceShort<T, W, TTerms>(third, slices, length, stride);
            results[3] = ReduceShort<T, W, TTerms>(fourth, slices, length, stride);
        }
        else if (ahead == 0)
        {
            Run<T, W, TTerms, On, Off>(first, second, third, fourth, slices, length, stride, ahead, results);
        }
        else
        {
            Run<T, W, TTerms, On, On>(first, second, third, fourth, slices, length, stride, ahead, results);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<T, W, TTerms, TFour, TAhead>(
        in TTerms first, in TTerms second, in TTerms third, in TTerms fourth,
        nint slices, nint length, nint stride, nint ahead, Sums* results)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
        where TFour : struct, IFlag
        where TAhead : struct, IFlag
    {
        TTerms terms0 = first;
        Unsafe.SkipInit(out TTerms terms1);
        Unsafe.SkipInit(out TTerms terms2);
        Unsafe.SkipInit(out TTerms terms3);
        if (TFour.Value)
            (terms1, terms2, terms3) = (second, third, fourth);
        nint tail = length & (Lanes - 1);
        long* mask = Mask + tail;
        double* lanes = stackalloc double[(TFour.Value ? Four : 1) * 2 * Lanes];
        // Four vectors at a time, of one reduction or of four. Lanes that they do not cover are done in the next iteration.
        nint turn = TFour.Value ? W.Count : Math.Min(Four * W.Count, Lanes);
        // One reduction's vectors are neighboring lanes; four reductions lie 2 · Lanes apart.
        nint next = TFour.Value ? 2 * Lanes : W.Count;
        int vectors = TFour.Value || 2 * W.Count < Lanes ? Four : 2;
        if (typeof(T) == typeof(double))
            new Span<double>(lanes, (TFour.Value ? Four : 1) * 2 * Lanes).Clear();
        for (nint lane = 0; lane < Lanes; lane += turn)
        {
            W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            nint left = BlockLength;
            for (nint slice = 0; slice < slices; slice++)
            {
                nint i = (slice * stride) + lane;
                nint end = i + length - tail;
                for (; i < end; i += Lanes)
                {
                    if (typeof(T) == typeof(double))
                    {
                        if (left == 0)
                        {
                            LaneSums.AddBlock<T, W>(
                                lanes + lane, next, Lanes, vectors, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
                            left = BlockLength;
                        }
                        left -= Lanes;
                    }
                    if (TAhead.Value)
                        terms0.Prefetch(i + ahead);
                    if (TAhead.Value && TFour.Value)
                    {
                        terms1.Prefetch(i + ahead);
                        terms2.Prefetch(i + ahead);
                        terms3.Prefetch(i + ahead);
                    }
                    if (TFour.Value)
                    {
                        Add<T, W, TTerms>(terms0, i, ref s0, ref p0);
                        Add<T, W, TTerms>(terms1, i, ref s1, ref p1);
                        Add<T, W, TTerms>(terms2, i, ref s2, ref p2);
                        Add<T, W, TTerms>(terms3, i, ref s3, ref p3);
                    }
                    else
                    {
                        AddStep<T, W, TTerms>(terms0, i, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
                    }
                }
                if (tail != 0)
                {
                    i += tail - Lanes;
                    if (TFour.Value)
                    {
                        AddMasked<T, W, TTerms>(terms0, i, mask + lane, ref s0, ref p0);
                        AddMasked<T, W, TTerms>(terms1, i, mask + lane, ref s1, ref p1);
                        AddMasked<T, W, TTerms>(terms2, i, mask + lane, ref s2, ref p2);
                        AddMasked<T, W, TTerms>(terms3, i, mask + lane, ref s3, ref p3);
                    }
                    else
                    {
                        AddTail<T, W, TTerms>(
                            terms0, i, mask + lane, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
                    }
                }
            }
            LaneSums.AddBlock<T, W>(lanes + lane, next, Lanes, vectors, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
        }
        for (int i = 0; i < (TFour.Value ? Four : 1); i++)
        {
            double* own = lanes + (2 * i * Lanes);
            results[i] = new() { Sum = HorizontalSum<T, W>(own), Product = HorizontalSum<T, W>(own + Lanes) };
        }
    }

    /// <summary>Adds the second half of the lanes to the first until one is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double HorizontalSum<T, W>(double* lanes) where T : unmanaged where W : unmanaged, IWideSimd<W, T>
    {
        return HorizontalSumOfEight<T, W>(Half(lanes, 0), Half(lanes, W.Count), Half(lanes, 2 * W.Count), Half(lanes, 3 * W.Count));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static W Half(double* lanes, nint lane) =>
            lane < Lanes / 2 ? W.LoadDoubles(lanes + lane) + W.LoadDoubles(lanes + (Lanes / 2) + lane) : default;
    }

    /// <summary>The same for 8 lanes, in as many of the vectors as it takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double HorizontalSumOfEight<T, W>(W first, W second, W third, W fourth)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T> =>
        W.HorizontalSum(W.Count == 8 ? first : W.Count == 4 ? first + second : first + third + (second + fourth));

    /// <summary>Slices shorter than the lanes: their elements take the lanes in turn, from slice to slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Sums ReduceShort<T, W, TTerms>(in TTerms terms, nint slices, nint length, nint stride)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TTerms : struct, ITerms<W>
    {
        // A slice may begin at any lane, and its last vector may end past the last lane. The values past the last lane belong to the
        // first lanes.
        const int Room = 3 * Lanes;
        double* sums = stackalloc double[2 * Room];
        new Span<double>(sums, 2 * Room).Clear();
        double* products = sums + Room;
        for (nint slice = 0; slice < slices; slice++)
        {
            nint start = (slice * length) & (Lanes - 1);
            for (nint i = 0; i < length; i += W.Count)
            {
                nint count = Math.Min(W.Count, length - i);
                terms.At((slice * stride) + i, new Part(count), out W a, out W b);
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
        return new Sums { Sum = HorizontalSum(sums), Product = HorizontalSum(products) };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static double HorizontalSum(double* lanes)
    {
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[half + i];
        }
        return lanes[0];
    }
}
