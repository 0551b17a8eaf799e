using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// Σ d and Σ d² of short rows of floats, with d = x - pivot, added up in float, of one layout at every vector width: 16 lanes, element i
/// in lane i mod 16. Each lane adds up 4 elements, and adds their sum to the sum of the elements before. Lanes 0 to 3, 4 to 7, 8 to 11
/// and 12 to 15 are added in pairs, and the four sums in double. The elements past the last whole 16 have sums of their own.
/// </summary>
internal static unsafe class ShortReduction
{
    /// <summary>Shorter rows do not fill the lanes.</summary>
    public const int Lanes = 16;

    private const int BlockLength = 4 * Lanes;

    // The lanes of four rows.
    private const int Size = 4 * Lanes;

    /// <summary>
    /// The sums of one row, or of four that lie a stride apart, each about its own pivot: Σ d of all, Σ d² of all, then the pivots. Four
    /// rows give the bits that each gives alone.
    /// </summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <typeparam name="V">The narrow vector.</typeparam>
    /// <typeparam name="TSource">Where the elements come from.</typeparam>
    /// <typeparam name="TLanes">One row or four.</typeparam>
    /// <typeparam name="TCentered">On: each row has a pivot. Off: the pivot is zero, and Σ d is not computed.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, TSource, TLanes, TCentered>(TSource rows, nint stride, nint length, nint ahead, double* results)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
        where TLanes : unmanaged, ILanes<TLanes>
        where TCentered : struct, IFlag
    {
        double* pivots = results + (2 * TLanes.Count);
        TLanes.Store(pivots, TCentered.Value ? Pivots<T, TSource, TLanes>(rows, stride, length) : 0);
        float* sums = stackalloc float[2 * Size], squares = sums + Size;
        nint whole = length & -Lanes;
        for (nint lane = 0; lane < Lanes; lane += V.Count)
        {
            nint place = lane / V.Count * Lanes;
            AddUp<T, V, TSource, TLanes, TCentered>(
                rows.At(lane), stride, whole, lane == 0 ? ahead : 0, pivots, sums + place, squares + place);
        }
        int fours = Lanes / V.Count;
        TLanes.Store(results, TCentered.Value ? TLanes.SumsOfFours(sums, fours) : 0);
        TLanes.Store(results + TLanes.Count, TLanes.SumsOfFours(squares, fours));
        if (whole < length)
            AddRest<T, V, TSource, TLanes, TCentered>(rows.At(whole), stride, length - whole, pivots, results);
    }

    /// <summary>
    /// The mean of the middle two of four elements, as a float: an outlier would draw the pivot away from the mean. That of equal
    /// elements is one of them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Pivots<T, TSource, TLanes>(TSource rows, nint stride, nint length)
        where T : unmanaged
        where TSource : struct, ISource<TSource, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        nint quarter = length / 4;
        TLanes first = rows.Gather<TLanes>(stride), second = rows.At(quarter).Gather<TLanes>(stride);
        TLanes third = rows.At(2 * quarter).Gather<TLanes>(stride), fourth = rows.At(3 * quarter).Gather<TLanes>(stride);
        TLanes lower = TLanes.MaxNative(TLanes.MinNative(first, second), TLanes.MinNative(third, fourth));
        TLanes upper = TLanes.MinNative(TLanes.MaxNative(first, second), TLanes.MaxNative(third, fourth));
        return TLanes.Round<T>((lower + upper) * 0.5);
    }

    /// <summary>One vector of lanes of each row. It is a method of its own, because it is slower where it is inlined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddUp<T, V, TSource, TLanes, TCentered>(
        TSource rows, nint stride, nint length, nint ahead, double* pivots, float* sums, float* squares)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
        where TLanes : unmanaged, ILanes<TLanes>
        where TCentered : struct, IFlag
    {
        // Where there is one row, the other three variables refer to it too, and are not used.
        nint others = TLanes.Count > 1 ? 1 : 0;
        TSource x1 = rows.At(others * stride), x2 = x1.At(others * stride), x3 = x2.At(others * stride);
        V pivot0 = V.Broadcast(pivots[0]), pivot1 = V.Broadcast(pivots[others]);
        V pivot2 = V.Broadcast(pivots[2 * others]), pivot3 = V.Broadcast(pivots[3 * others]);
        V s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
        V t0 = default, t1 = default, t2 = default, t3 = default, q0 = default, q1 = default, q2 = default, q3 = default;
        for (nint i = 0; ;)
        {
            for (nint end = Math.Min(i + BlockLength, length); i < end; i += Lanes)
            {
                if (ahead != 0)
                {
                    rows.Prefetch(i + ahead, isFar: false);
                    x1.Prefetch(i + ahead, isFar: false);
                    x2.Prefetch(i + ahead, isFar: false);
                    x3.Prefetch(i + ahead, isFar: false);
                }
                Add<T, V, TSource, TCentered>(rows, i, pivot0, ref s0, ref p0);
                if (TLanes.Count == 1)
                    continue;
                Add<T, V, TSource, TCentered>(x1, i, pivot1, ref s1, ref p1);
                Add<T, V, TSource, TCentered>(x2, i, pivot2, ref s2, ref p2);
                Add<T, V, TSource, TCentered>(x3, i, pivot3, ref s3, ref p3);
            }
            if (length <= BlockLength)
                break;
            (t0, t1, t2, t3) = (t0 + s0, t1 + s1, t2 + s2, t3 + s3);
            (q0, q1, q2, q3) = (q0 + p0, q1 + p1, q2 + p2, q3 + p3);
            if (i >= length)
            {
                (s0, s1, s2, s3, p0, p1, p2, p3) = (t0, t1, t2, t3, q0, q1, q2, q3);
                break;
            }
            (s0, s1, s2, s3) = (default, default, default, default);
            (p0, p1, p2, p3) = (default, default, default, default);
        }
        Store<T, V, TLanes>(sums, s0, s1, s2, s3);
        Store<T, V, TLanes>(squares, p0, p1, p2, p3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T, V, TLanes>(float* lanes, V first, V second, V third, V fourth)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (TLanes.Count == 1)
            V.StoreSumsOfFours(lanes, first);
        else
            V.StoreSumsOfFours(lanes, first, second, third, fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T, V, TSource, TCentered>(TSource x, nint i, V pivot, ref V sum, ref V squares)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
        where TCentered : struct, IFlag
    {
        V difference = x.Load<V, Whole>(i, default);
        if (TCentered.Value)
        {
            difference -= pivot;
            sum += difference;
        }
        squares = V.FusedMultiplyAdd(difference, difference, squares);
    }

    /// <summary>The elements past the last whole 16, one to each lane; the differences of the other lanes are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddRest<T, V, TSource, TLanes, TCentered>(TSource rows, nint stride, nint count, double* pivots, double* results)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TSource : struct, ISource<TSource, T>
        where TLanes : unmanaged, ILanes<TLanes>
        where TCentered : struct, IFlag
    {
        T* about = stackalloc T[Lanes];
        float* sums = stackalloc float[2 * Size], squares = sums + Size;
        new Span<float>(sums, 2 * Size).Clear();
        for (int row = 0; row < TLanes.Count; row++)
        {
            V.Store(about, V.Broadcast(pivots[row]));
            for (nint lane = 0; lane < count; lane += V.Count)
            {
                nint place = (lane / V.Count * Lanes) + (row * 4);
                Part part = new(Math.Min(V.Count, count - lane));
                V difference = rows.Load<V, Part>((row * stride) + lane, part) - part.Load<V, T>(about);
                V.StoreSumsOfFours(sums + place, difference);
                V.StoreSumsOfFours(squares + place, difference * difference);
            }
        }
        int fours = Lanes / V.Count;
        if (TCentered.Value)
            TLanes.Store(results, TLanes.Load(results) + TLanes.SumsOfFours(sums, fours));
        TLanes.Store(results + TLanes.Count, TLanes.Load(results + TLanes.Count) + TLanes.SumsOfFours(squares, fours));
    }
}
