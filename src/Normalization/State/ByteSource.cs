using Microsoft.Win32.SafeHandles;

namespace Normalization;

/// <summary>Bytes that are read at any position, from any number of threads.</summary>
internal abstract class ByteSource(string name) : IDisposable
{
    private const int ChunkLength = 1 << 16;

    /// <summary>What messages call it.</summary>
    public string Name { get; } = name;

    public abstract long Length { get; }

    /// <summary>Fills the destination with the bytes from an offset on.</summary>
    public abstract void Read(long offset, Span<byte> destination);

    /// <summary>Copies bytes from an offset on.</summary>
    public void CopyTo(Stream stream, long offset, long count)
    {
        byte[] bytes = new byte[Math.Min(ChunkLength, count)];
        for (long end = offset + count; offset < end; offset += bytes.Length)
        {
            Span<byte> chunk = bytes.AsSpan(0, (int)Math.Min(bytes.Length, end - offset));
            Read(offset, chunk);
            stream.Write(chunk);
        }
    }

    public abstract void Dispose();
}

/// <summary>A file. It may be renamed, replaced and deleted meanwhile; what has been opened stays readable.</summary>
internal sealed class FileSource : ByteSource
{
    private readonly SafeFileHandle? _handle;

    public FileSource(string path)
        : base(path)
    {
        // A pipe has no bytes either, and opening it would wait for the other end of the pipe.
        if (IsEmpty(path))
            return;
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
        try
        {
            Length = RandomAccess.GetLength(_handle);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    public override long Length { get; }

    public override void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(_handle!, destination, offset);
            if (count == 0)
                throw new EndOfStreamException($"{Name} has become shorter than the {Length} bytes that it had when it was opened.");
            offset += count;
            destination = destination[count..];
        }
    }

    public override void Dispose() => _handle?.Dispose();

    private static bool IsEmpty(string path) =>
        File.Exists(path)
            && (File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)) is FileInfo { Exists: true, Length: 0 };
}

internal sealed class MemorySource(ReadOnlyMemory<byte> content) : ByteSource("The content")
{
    private bool _isDisposed;

    public override long Length => content.Length;

    public override void Read(long offset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(SafeTensorsFile));
        content.Span.Slice((int)offset, destination.Length).CopyTo(destination);
    }

    public override void Dispose() => _isDisposed = true;
}
