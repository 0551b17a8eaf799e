using System.IO.Compression;

namespace Normalization.Training.Data;

/// <summary>Opens a file of data, gzipped or not, and says in one line what is wrong with it.</summary>
internal static class DataFile
{
    public static T Read<T>(string path, string content, Func<Stream, T> read)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            using Stream plain = Decompressed(stream);
            return read(plain);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new UsageException($"'{path}' does not hold {content}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"cannot read the data '{path}': {e.Message}");
        }
    }

    /// <summary>The stream itself, or what it holds if it starts as a gzip file does.</summary>
    public static Stream Decompressed(Stream stream)
    {
        var buffered = new BufferedStream(stream);
        int first = buffered.ReadByte();
        int second = buffered.ReadByte();
        buffered.Seek(0, SeekOrigin.Begin);
        return first == 0x1F && second == 0x8B ? new GZipStream(buffered, CompressionMode.Decompress) : buffered;
    }
}
