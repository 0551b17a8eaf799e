using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Machine;

/// <summary>Addresses and the cache.</summary>
internal static unsafe class RawMemory
{
    /// <summary>The size of a cache line, and of the widest vector.</summary>
    public const int LineBytes = 64;

    public const int DoublesPerLine = LineBytes / sizeof(double);

    // From this size on the runtime keeps arrays in a heap of their own, and rarely moves them.
    private const int LargeArrayBytes = 85_000;

    /// <summary>How many doubles to ask for so that this many can begin on a cache line.</summary>
    public static nint PaddedLength(nint doubles) => doubles + DoublesPerLine - 1;

    /// <summary>The next address at which a cache line begins: vectors that cross lines take twice as long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double* AtLine(double* address) => (double*)(((nuint)address + LineBytes - 1) & ~(nuint)(LineBytes - 1));

    /// <summary>
    /// Allocates memory. Large memory begins on a cache line, which a plain array does not, until the runtime moves it. The memory is
    /// not pinned, because under a memory limit the runtime must be able to close the gaps between large arrays.
    /// </summary>
    public static Memory<T> Allocate<T>(int length, bool isCleared) where T : unmanaged
    {
        int room = LineBytes / sizeof(T);
        bool isLarge = (long)length * sizeof(T) >= LargeArrayBytes && length <= Array.MaxLength - room;
        int size = isLarge ? length + room : length;
        T[] array = isCleared ? new T[size] : GC.AllocateUninitializedArray<T>(size);
        if (!isLarge)
            return array;
        fixed (T* first = array)
        {
            nint start = -(nint)first & (LineBytes - 1);
            return array.AsMemory((int)start / sizeof(T), length);
        }
    }

    /// <summary>
    /// Whether a loop that goes on by <paramref name="step"/> elements enters another cache line of elements: a line is prefetched once.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool BeginsLine<T>(nint i, nint step) where T : unmanaged => (i & ((LineBytes / sizeof(T)) - 1)) < step;

    /// <summary>Prefetches a cache line; the address need not be valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    /// <summary>
    /// Prefetches a cache line into the second-level cache; the address need not be valid. The first-level cache keeps its space for what
    /// rows share.
    /// </summary>
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
        // One distance, so that no garbage collection moves one of them between two comparisons.
        ref byte start = ref Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(first));
        ref byte other = ref Unsafe.As<TOther, byte>(ref MemoryMarshal.GetReference(second));
        nint distance = Unsafe.ByteOffset(ref start, ref other);
        nuint length = (nuint)first.Length * (nuint)sizeof(T), otherLength = (nuint)second.Length * (nuint)sizeof(TOther);
        return length > 0 && otherLength > 0 && ((nuint)distance < length || (nuint)(-distance) < otherLength);
    }

    /// <summary>Whether elements may stand at an address.</summary>
    public static bool IsAligned<T>(nint address) where T : unmanaged => address % sizeof(T) == 0;

    /// <summary>So many elements at an address that the caller vouches for.</summary>
    public static Span<T> At<T>(nint address, int length) where T : unmanaged => new((void*)address, length);

    /// <summary>A handle to an element at an address that does not move.</summary>
    public static MemoryHandle HandleAt<T>(nint address, int index) where T : unmanaged => new((T*)address + index);

    /// <summary>So many elements from the first on; the caller has checked that they stand side by side.</summary>
    public static Span<T> From<T>(ref T first, int length) where T : unmanaged => MemoryMarshal.CreateSpan(ref first, length);

    /// <summary>So many elements that begin that far behind the first one; the caller vouches for them.</summary>
    public static Span<T> From<T>(ref T first, nint offset, int length) where T : unmanaged =>
        From(ref Unsafe.Add(ref first, offset), length);

    /// <summary>So many elements that begin that far behind the first one; the caller vouches for them.</summary>
    public static ReadOnlySpan<T> ReadOnlyFrom<T>(ref readonly T first, nint offset, int length) where T : unmanaged =>
        From(ref Unsafe.AsRef(in first), offset, length);

    /// <summary>So many elements from the first on; the caller has checked that they stand side by side.</summary>
    public static ReadOnlySpan<T> ReadOnlyFrom<T>(ref readonly T first, int length) where T : unmanaged =>
        MemoryMarshal.CreateReadOnlySpan(in first, length);
}
