using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels;

/// <summary>Addresses and the cache.</summary>
internal static unsafe class Memory
{
    /// <summary>Asks for a cache line that is needed soon; the address need not be valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    /// <summary>Asks for a cache line that is needed later, without using the space of the first-level cache; the address need not be valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchFar(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    /// <summary>Whether two spans share memory; an empty one shares none.</summary>
    public static bool Overlap<T, TOther>(ReadOnlySpan<T> first, ReadOnlySpan<TOther> second)
        where T : unmanaged
        where TOther : unmanaged
    {
        // Both are pinned at once, so that no collection moves one of them between the two looks.
        fixed (T* a = first)
        fixed (TOther* b = second)
            return !first.IsEmpty && !second.IsEmpty && (void*)a < b + second.Length && (void*)b < a + first.Length;
    }
}
