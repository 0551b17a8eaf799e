using System.Text;

namespace Normalization.Tests;

/// <summary>States as bytes, so that two of them can be compared to the last bit, and files that are put together by hand.</summary>
internal static class StateBytes
{
    public static byte[] Of(StateDictionary state, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        SafeTensorsFile.Write(stream, state, metadata);
        return stream.ToArray();
    }

    /// <summary>A file of this header and this many bytes of data.</summary>
    public static byte[] File(string header, int dataLength = 0) => File(Encoding.UTF8.GetBytes(header), dataLength);

    public static byte[] File(byte[] header, int dataLength = 0) => [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[dataLength]];
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("normalization-tests-");

    public string[] Files => [.. _folder.GetFiles().Select(static file => file.Name).Order()];

    public string this[string name] => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
