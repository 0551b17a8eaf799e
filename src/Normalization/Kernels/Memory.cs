using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels;

/// <summary>Addresses and the cache.</summary>
internal static unsafe class Memory
{
    /// <summary>Asks for a cache line; the address need not be valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    /// <summary>Whether two spans share memory; an empty one shares none.</summary>
    public static bool Overlap<T, TOther>(ReadOnlySpan<T> first, ReadOnlySpan<TOther> second)
        where T : unmanaged
        where TOther : unmanaged
    {
        (nuint firstStart, nuint firstEnd) = Bounds(first);
        (nuint secondStart, nuint secondEnd) = Bounds(second);
        return !first.IsEmpty && !second.IsEmpty && firstStart < secondEnd && secondStart < firstEnd;
    }

    private static (nuint Start, nuint End) Bounds<T>(ReadOnlySpan<T> span) where T : unmanaged
    {
        fixed (T* start = &MemoryMarshal.GetReference(span))
            return ((nuint)start, (nuint)(start + span.Length));
    }
}
