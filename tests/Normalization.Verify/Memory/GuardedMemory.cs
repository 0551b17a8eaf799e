using System.Buffers;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Memory;

/// <summary>Memory between two pages that nobody may touch, so that a single byte read or written outside it is a fault.</summary>
internal sealed unsafe partial class GuardedMemory<T> : MemoryManager<T> where T : unmanaged
{
    private readonly nuint _size;
    private readonly byte* _start;

    public GuardedMemory(int capacity)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        _size = (((nuint)capacity * (nuint)sizeof(T)) + page - 1) / page * page;
        byte* region = (byte*)NativeMemoryMap.Map(_size + (2 * page));
        _start = region + page;
        NativeMemoryMap.Protect(region, page, MemoryAccess.None);
        NativeMemoryMap.Protect(_start + _size, page, MemoryAccess.None);
    }

    /// <summary>So many elements, right behind the first forbidden page or right before the second.</summary>
    public Memory<T> Place(int length, bool atEnd) => atEnd ? Memory[^length..] : Memory[..length];

    public void Allow(MemoryAccess access) => NativeMemoryMap.Protect(_start, _size, access);

    public override Span<T> GetSpan() => new(_start, (int)(_size / (nuint)sizeof(T)));

    public override MemoryHandle Pin(int elementIndex = 0) => new((T*)_start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        NativeMemoryMap.Unmap(_start - page, _size + (2 * page));
    }
}

[Flags]
internal enum MemoryAccess
{
    None = 0,
    Read = 1,
    ReadWrite = 3,
}

/// <summary>mmap and mprotect of Linux.</summary>
internal static unsafe partial class NativeMemoryMap
{
    private const int PrivateAnonymous = 0x22;

    public static bool IsSupported => OperatingSystem.IsLinux();

    public static void* Map(nuint size)
    {
        void* address = mmap(null, size, (int)MemoryAccess.ReadWrite, PrivateAnonymous, -1, 0);
        return address == (void*)-1 ? throw new InvalidOperationException($"mmap of {size} bytes failed.") : address;
    }

    public static void Protect(void* address, nuint size, MemoryAccess access)
    {
        if (mprotect(address, size, (int)access) != 0)
            throw new InvalidOperationException($"mprotect failed with error {Marshal.GetLastPInvokeError()}.");
    }

    public static void Unmap(void* address, nuint size)
    {
        if (munmap(address, size) != 0)
            throw new InvalidOperationException("munmap failed.");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);
}
