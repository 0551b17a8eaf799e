using System.Buffers;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Memory;

/// <summary>
/// Memory between two pages that nobody may touch, so that a single byte read or written outside it is a fault. A second view of the same
/// memory, between such pages too, is only readable: to change the access of one view for each call would take longer than the calls.
/// </summary>
internal sealed unsafe partial class GuardedMemory<T> : MemoryManager<T> where T : unmanaged
{
    private readonly nuint _size;
    private readonly byte* _start;
    private readonly byte* _readable;

    public GuardedMemory(int capacity)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        _size = (((nuint)capacity * (nuint)sizeof(T)) + page - 1) / page * page;
        int file = NativeMemoryMap.Create(_size);
        _start = NativeMemoryMap.Map(file, _size, page, MemoryAccess.ReadWrite);
        _readable = NativeMemoryMap.Map(file, _size, page, MemoryAccess.Read);
        NativeMemoryMap.Close(file);
    }

    /// <summary>So many elements, right behind the first forbidden page or right before the second.</summary>
    public Memory<T> Place(int length, bool atEnd) => atEnd ? Memory[^length..] : Memory[..length];

    /// <summary>The same elements in memory that is only readable.</summary>
    public ReadOnlySpan<T> Read(int length, bool atEnd) => new(_readable + (atEnd ? _size - ((nuint)length * (nuint)sizeof(T)) : 0), length);

    public override Span<T> GetSpan() => new(_start, (int)(_size / (nuint)sizeof(T)));

    public override MemoryHandle Pin(int elementIndex = 0) => new((T*)_start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        NativeMemoryMap.Unmap(_start - page, _size + (2 * page));
        NativeMemoryMap.Unmap(_readable - page, _size + (2 * page));
    }
}

[Flags]
internal enum MemoryAccess
{
    None = 0,
    Read = 1,
    ReadWrite = 3,
}

/// <summary>Files in memory and mmap of Linux.</summary>
internal static unsafe partial class NativeMemoryMap
{
    private const int Shared = 0x01, PrivateAnonymous = 0x22, Fixed = 0x10;

    public static bool IsSupported => OperatingSystem.IsLinux();

    /// <summary>A file that is only in memory.</summary>
    public static int Create(nuint size)
    {
        int file = memfd_create("guarded", 0);
        Require(file >= 0 && ftruncate(file, (nint)size) == 0, "a file in memory");
        return file;
    }

    /// <summary>A view of the file between two pages that nobody may touch.</summary>
    public static byte* Map(int file, nuint size, nuint page, MemoryAccess access)
    {
        byte* region = (byte*)mmap(null, size + (2 * page), (int)MemoryAccess.None, PrivateAnonymous, -1, 0);
        Require(region != (void*)-1, "mmap");
        void* start = mmap(region + page, size, (int)access, Shared | Fixed, file, 0);
        Require(start == region + page, "mmap of a file");
        return region + page;
    }

    public static void Unmap(void* address, nuint size) => Require(munmap(address, size) == 0, "munmap");

    public static void Close(int file) => Require(close(file) == 0, "close");

    private static void Require(bool hasSucceeded, string what)
    {
        if (!hasSucceeded)
            throw new InvalidOperationException($"{what} failed with error {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int file, nint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);
}
