using System.Runtime.InteropServices;

namespace Normalization.Kernels;

/// <summary>Questions about addresses, for the gate.</summary>
internal static class Memory
{
    public static bool Overlap<T, TOther>(ReadOnlySpan<T> first, ReadOnlySpan<TOther> second)
        where T : unmanaged
        where TOther : unmanaged =>
        // Byte spans are limited to int lengths, so the comparison is done on addresses.
        Start(first) is var (firstStart, firstEnd) && Start(second) is var (secondStart, secondEnd)
        && firstStart < secondEnd && secondStart < firstEnd;

    private static unsafe (nuint Start, nuint End) Start<T>(ReadOnlySpan<T> span) where T : unmanaged
    {
        fixed (T* start = &MemoryMarshal.GetReference(span))
            return ((nuint)start, (nuint)(start + span.Length));
    }
}
