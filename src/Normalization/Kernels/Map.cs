using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>An elementwise operation: what is written at element i, from whatever it reads there.</summary>
internal interface IMap<V>
{
    V Invoke<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess;

    /// <summary>Asks for the cache line of element i of the large inputs, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>The one elementwise loop: y[i] = operation(i). y may be one of the operation's own inputs.</summary>
internal static unsafe class Map
{
    private const int LineBytes = 64;
    private const nint PrefetchAhead = 1024;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, TMap>(in TMap source, T* y, nint length, bool isStreamed)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TMap : struct, IMap<V>
    {
        // A copy of its own stays in registers.
        TMap map = source;
        // A span over bytes may begin in the middle of an element, which a streamed store cannot be aligned to.
        if (isStreamed && (nuint)y % (nuint)sizeof(T) == 0)
        {
            RunStreamed<T, V, TMap>(source, y, length);
            return;
        }
        if (length < V.Count)
        {
            RunPart<T, V, TMap>(source, y, 0, length);
            return;
        }
        // The last vector overlaps the one before it; it is computed first, while an input that is also y still holds.
        V last = map.Invoke(length - V.Count, default(Whole));
        nint i = 0;
        for (; i < length - (4 * V.Count); i += 4 * V.Count)
        {
            V first = map.Invoke(i, default(Whole));
            V second = map.Invoke(i + V.Count, default(Whole));
            V third = map.Invoke(i + (2 * V.Count), default(Whole));
            V fourth = map.Invoke(i + (3 * V.Count), default(Whole));
            V.Store(y + i, first);
            V.Store(y + i + V.Count, second);
            V.Store(y + i + (2 * V.Count), third);
            V.Store(y + i + (3 * V.Count), fourth);
        }
        for (; i < length - V.Count; i += V.Count)
            V.Store(y + i, map.Invoke(i, default(Whole)));
        V.Store(y + length - V.Count, last);
    }

    /// <summary>Writes whole cache lines past the cache; the partial lines at both ends are written in the ordinary way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunStreamed<T, V, TMap>(in TMap source, T* y, nint length)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TMap : struct, IMap<V>
    {
        TMap map = source;
        nint line = LineBytes / sizeof(T);
        nint head = Math.Min(length, (nint)((0 - (nuint)y) & (LineBytes - 1)) / sizeof(T));
        RunPart<T, V, TMap>(source, y, 0, head);
        nint i = head;
        for (; i + line <= length; i += line)
        {
            map.Prefetch(i + PrefetchAhead);
            for (nint k = 0; k < line; k += V.Count)
                V.StoreNonTemporal(y + i + k, map.Invoke(i + k, default(Whole)));
        }
        RunPart<T, V, TMap>(source, y, i, length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RunPart<T, V, TMap>(in TMap map, T* y, nint start, nint end)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TMap : struct, IMap<V>
    {
        for (nint i = start; i < end; i += V.Count)
        {
            nint count = Math.Min(V.Count, end - i);
            V.StorePart(y + i, map.Invoke(i, new Part(count)), count);
        }
    }
}
