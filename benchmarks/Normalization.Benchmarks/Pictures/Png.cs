using System.Buffers.Binary;
using System.IO.Compression;

namespace Normalization.Benchmarks.Pictures;

/// <summary>Writes a PNG file of square pictures with four bytes a pixel.</summary>
internal static class Png
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static byte[] Encode(ReadOnlySpan<byte> pixels, int size)
    {
        using var file = new MemoryStream();
        file.Write(Signature);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, size);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), size);
        (header[8], header[9]) = (8, 6); // eight bits; red, green, blue and opacity
        Chunk(file, "IHDR"u8, header);
        Chunk(file, "IDAT"u8, Compressed(pixels, size * 4));
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Compressed(ReadOnlySpan<byte> pixels, int stride)
    {
        using var result = new MemoryStream();
        using (var zip = new ZLibStream(result, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (int row = 0; row < pixels.Length; row += stride)
            {
                zip.WriteByte(0); // no filter
                zip.Write(pixels.Slice(row, stride));
            }
        }
        return result.ToArray();
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        byte[] chunk = new byte[content.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        type.CopyTo(chunk.AsSpan(4));
        content.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(content.Length + 8), Checksum(chunk.AsSpan(4, content.Length + 4)));
        file.Write(chunk);
    }

    /// <summary>The CRC-32 that PNG asks for.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint rest = uint.MaxValue;
        foreach (byte value in bytes)
        {
            rest ^= value;
            for (int bit = 0; bit < 8; bit++)
                rest = (rest >> 1) ^ ((rest & 1) * 0xEDB88320);
        }
        return ~rest;
    }
}
