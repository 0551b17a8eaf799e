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

    public static bool Overlap<T, TOther>(ReadOnlySpan<T> first, ReadOnlySpan<TOther> second)
        where T : unmanaged
        where TOther : unmanaged =>
        // Byte spans are limited to int lengths, so the comparison is done on addresses.
        Start(first) is var (firstStart, firstEnd) && Start(second) is var (secondStart, secondEnd)
        && firstStart < secondEnd && secondStart < firstEnd;

    private static (nuint Start, nuint End) Start<T>(ReadOnlySpan<T> span) where T : unmanaged
    {
        fixed (T* start = &MemoryMarshal.GetReference(span))
            return ((nuint)start, (nuint)(start + span.Length));
    }
}
