using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>An elementwise operation on a row: what is written at element i, from whatever it reads there.</summary>
internal interface IMap<TSelf, TRows, V, TColumn>
    where TSelf : struct, IMap<TSelf, TRows, V, TColumn>
    where TRows : struct
{
    /// <summary>Whether the operation is so long that the JIT inlines it only once into a method.</summary>
    static virtual bool IsLong => false;

    /// <summary>The operation in one of the rows. Its vectors are made inside the loop's method, so that they stay in registers.</summary>
    static abstract TSelf Of(in TRows rows, nint row);

    /// <summary>What all rows share at element i.</summary>
    TColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess;

    V Invoke<TAccess>(nint i, in TColumn column, TAccess access) where TAccess : struct, IAccess;

    /// <summary>Prefetches the cache line of element i of the large inputs, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>For maps whose rows share nothing.</summary>
internal readonly struct NoColumn;

/// <summary>Where a map writes, and how.</summary>
internal readonly unsafe struct Target<T>(T* output, nint length, bool isStreamed, nint ahead) where T : unmanaged
{
    public readonly T* Output = output;

    public readonly nint Length = length;

    /// <summary>The output goes past the cache.</summary>
    public readonly bool IsStreamed = isStreamed;

    /// <summary>How far ahead the inputs lie that are needed next, or zero where they are in a cache.</summary>
    public readonly nint Ahead = ahead;

    /// <summary>The same that many elements on.</summary>
    public Target<T> Down(nint elements) => new(Output + elements, Length, IsStreamed, Ahead);
}

/// <summary>The one elementwise loop: y[i] = operation(i), for one row or for four that lie a stride apart.</summary>
internal static unsafe class Map
{
    /// <summary>
    /// <paramref name="count"/> rows from the <paramref name="first"/> on, which are written a stride apart, four at a time if
    /// <paramref name="areFour"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<T, V, TRows, TMap, TColumn>(
        in TRows rows, nint first, nint count, bool areFour, in Target<T> target, nint stride)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct
    {
        bool isStreamed = target.IsStreamed && IsAligned(target.Output, 0);
        nint row = first, end = first + count;
        if (areFour && !TMap.IsLong && AreLines<T, V>(target, stride))
        {
            for (; row + Thresholds.RowsAtOnce <= end; row += Thresholds.RowsAtOnce)
            {
                if (isStreamed)
                    RunStreamed<T, V, TRows, TMap, TColumn, On>(rows, row, target, stride);
                else
                    Run<T, V, TRows, TMap, TColumn, On>(rows, row, target, stride);
            }
        }
        for (; row < end; row++)
        {
            if (isStreamed)
                RunStreamed<T, V, TRows, TMap, TColumn, Off>(rows, row, target, stride);
            else
                Run<T, V, TRows, TMap, TColumn, Off>(rows, row, target, stride);
        }
    }

    /// <summary>
    /// Whether rows can be streamed side by side. A span over bytes may begin in the middle of an element, and all rows must begin at
    /// the same place of a cache line.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsAligned<T>(T* y, nint stride) where T : unmanaged =>
        ((nuint)y % (nuint)sizeof(T)) + ((nuint)(stride * sizeof(T)) % RawMemory.LineBytes) == 0;

    /// <summary>
    /// Whether four rows are written side by side: streamed rows that begin at the same place of a line, and rows whose stores fill
    /// lines. Stores to four rows that fill parts of lines in turn wait for one another.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreLines<T, V>(in Target<T> target, nint stride)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        if (target.IsStreamed)
            return IsAligned(target.Output, stride);
        nuint bytes = (nuint)(stride * sizeof(T));
        return V.Count * sizeof(T) == RawMemory.LineBytes && ((nuint)target.Output | bytes) % RawMemory.LineBytes == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<T, V, TRows, TMap, TColumn, TFour>(in TRows rows, nint row, in Target<T> target, nint stride)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct
        where TFour : struct, IFlag
    {
        T* y = target.Output + (row * stride);
        nint length = target.Length, ahead = target.Ahead;
        // Four vectors at a time: of four rows, or of one.
        nint next = TFour.Value ? stride : V.Count, step = TFour.Value ? V.Count : 4 * V.Count;
        if (length < V.Count)
        {
            RunPart<T, V, TRows, TMap, TColumn>(rows, row, TFour.Value ? Thresholds.RowsAtOnce : 1, y, stride, 0, length);
            return;
        }
        TMap row0 = TMap.Of(rows, row);
        // The last vector overlaps the vector before it. It is computed first, because y may be the input, which is then still unchanged.
        nint end = length - V.Count;
        if (TMap.IsLong)
        {
            RunLong<T, V, TRows, TMap, TColumn>(row0, y, end);
            return;
        }
        Unsafe.SkipInit(out TMap row1);
        Unsafe.SkipInit(out TMap row2);
        Unsafe.SkipInit(out TMap row3);
        if (TFour.Value)
            (row1, row2, row3) = (TMap.Of(rows, row + 1), TMap.Of(rows, row + 2), TMap.Of(rows, row + 3));
        TColumn column = row0.Column(end, default(Whole));
        V last0 = row0.Invoke(end, column, default(Whole));
        Unsafe.SkipInit(out V last1);
        Unsafe.SkipInit(out V last2);
        Unsafe.SkipInit(out V last3);
        if (TFour.Value)
        {
            last1 = row1.Invoke(end, column, default(Whole));
            last2 = row2.Invoke(end, column, default(Whole));
            last3 = row3.Invoke(end, column, default(Whole));
        }
        nint i = 0;
        for (; i + step < length; i += step)
        {
            V v0, v1, v2, v3;
            if (TFour.Value)
            {
                if (ahead != 0 && RawMemory.BeginsLine<T>(i, V.Count))
                {
                    row0.Prefetch(i + ahead);
                    row1.Prefetch(i + ahead);
                    row2.Prefetch(i + ahead);
                    row3.Prefetch(i + ahead);
                }
                column = row0.Column(i, default(Whole));
                v0 = row0.Invoke(i, column, default(Whole));
                v1 = row1.Invoke(i, column, default(Whole));
                v2 = row2.Invoke(i, column, default(Whole));
                v3 = row3.Invoke(i, column, default(Whole));
            }
            else
            {
                v0 = row0.Invoke(i, row0.Column(i, default(Whole)), default(Whole));
                v1 = row0.Invoke(i + V.Count, row0.Column(i + V.Count, default(Whole)), default(Whole));
                v2 = row0.Invoke(i + (2 * V.Count), row0.Column(i + (2 * V.Count), default(Whole)), default(Whole));
                v3 = row0.Invoke(i + (3 * V.Count), row0.Column(i + (3 * V.Count), default(Whole)), default(Whole));
            }
            V.Store(y + i, v0);
            V.Store(y + i + next, v1);
            V.Store(y + i + (2 * next), v2);
            V.Store(y + i + (3 * next), v3);
        }
        if (!TFour.Value)
        {
            for (; i < end; i += V.Count)
                V.Store(y + i, row0.Invoke(i, row0.Column(i, default(Whole)), default(Whole)));
        }
        V.Store(y + end, last0);
        if (TFour.Value)
        {
            V.Store(y + end + stride, last1);
            V.Store(y + end + (2 * stride), last2);
            V.Store(y + end + (3 * stride), last3);
        }
    }

    // A loop that has the operation once, also for the last vector. A method of its own would inline less: the JIT goes by its size.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RunLong<T, V, TRows, TMap, TColumn>(TMap map, T* y, nint end)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct
    {
        Unsafe.SkipInit(out V last);
        nint i = end, step = V.Count;
        do
        {
            V value = map.Invoke(i, map.Column(i, default(Whole)), default(Whole));
            if (i == end)
            {
                last = value;
                i = 0;
                continue;
            }
            V.Store(y + i, value);
            i += step;
        }
        while (i < end);
        V.Store(y + end, last);
    }

    /// <summary>Writes whole cache lines past the cache; the partial lines at both ends are written in the ordinary way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunStreamed<T, V, TRows, TMap, TColumn, TFour>(in TRows rows, nint row, in Target<T> target, nint stride)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct
        where TFour : struct, IFlag
    {
        T* y = target.Output + (row * stride);
        nint length = target.Length, ahead = target.Ahead;
        nint line = RawMemory.LineBytes / sizeof(T), step = V.Count;
        nint head = Math.Min(length, (nint)((0 - (nuint)y) & (RawMemory.LineBytes - 1)) / sizeof(T));
        nint tail = length - ((length - head) % line);
        RunPart<T, V, TRows, TMap, TColumn>(rows, row, TFour.Value ? Thresholds.RowsAtOnce : 1, y, stride, 0, head);
        RunPart<T, V, TRows, TMap, TColumn>(rows, row, TFour.Value ? Thresholds.RowsAtOnce : 1, y, stride, tail, length);
        TMap row0 = TMap.Of(rows, row);
        Unsafe.SkipInit(out TMap row1);
        Unsafe.SkipInit(out TMap row2);
        Unsafe.SkipInit(out TMap row3);
        if (TFour.Value)
            (row1, row2, row3) = (TMap.Of(rows, row + 1), TMap.Of(rows, row + 2), TMap.Of(rows, row + 3));
        for (nint i = head; i < tail; i += line)
        {
            if (ahead != 0)
            {
                row0.Prefetch(i + ahead);
                if (TFour.Value)
                {
                    row1.Prefetch(i + ahead);
                    row2.Prefetch(i + ahead);
                    row3.Prefetch(i + ahead);
                }
            }
            for (nint k = i; k < i + line; k += step)
            {
                TColumn column = row0.Column(k, default(Whole));
                V.StoreNonTemporal(y + k, row0.Invoke(k, column, default(Whole)));
                if (TFour.Value)
                {
                    V.StoreNonTemporal(y + k + stride, row1.Invoke(k, column, default(Whole)));
                    V.StoreNonTemporal(y + k + (2 * stride), row2.Invoke(k, column, default(Whole)));
                    V.StoreNonTemporal(y + k + (3 * stride), row3.Invoke(k, column, default(Whole)));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunPart<T, V, TRows, TMap, TColumn>(
        in TRows rows, nint first, nint count, T* y, nint stride, nint start, nint end)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct
    {
        for (nint row = first; row < first + count && start < end; row++, y += stride)
        {
            TMap current = TMap.Of(rows, row);
            for (nint i = start; i < end; i += V.Count)
            {
                var part = new Part(Math.Min(V.Count, end - i));
                V.StorePart(y + i, current.Invoke(i, current.Column(i, part), part), part.Count);
            }
        }
    }
}
