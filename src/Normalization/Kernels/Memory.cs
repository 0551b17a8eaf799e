using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

    /// <summary>Whether elements may stand at an address.</summary>
    public static bool IsAligned<T>(nint address) where T : unmanaged => address % sizeof(T) == 0;

    /// <summary>So many elements at an address that the caller vouches for.</summary>
    public static Span<T> At<T>(nint address, int length) where T : unmanaged => new((void*)address, length);

    /// <summary>A handle to an element at an address that does not move.</summary>
    public static MemoryHandle HandleAt<T>(nint address, int index) where T : unmanaged => new((T*)address + index);

    /// <summary>So many elements from the first on; the caller has checked that they stand side by side.</summary>
    public static Span<T> From<T>(ref T first, int length) where T : unmanaged => MemoryMarshal.CreateSpan(ref first, length);

    /// <summary>So many elements from the first on; the caller has checked that they stand side by side.</summary>
    public static ReadOnlySpan<T> ReadOnlyFrom<T>(ref readonly T first, int length) where T : unmanaged => MemoryMarshal.CreateReadOnlySpan(in first, length);
}
