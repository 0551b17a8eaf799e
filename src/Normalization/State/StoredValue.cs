namespace Normalization;

/// <summary>A value whose bytes lie in a file or in memory. They are decoded when they are asked for, and written as they are.</summary>
internal sealed class StoredValue(ByteSource source, SafeTensorsEntry entry) : StateValue(entry.Format, entry.Shape, entry.Length)
{
    private const int ChunkLength = 1 << 13;

    internal override void CopyTo<TValue>(long start, Span<TValue> destination)
    {
        // Only whole bytes get here: the formats of 4 and 6 bits cannot be read.
        int size = entry.Format.Bits / 8;
        byte[] bytes = new byte[Math.Min(ChunkLength, destination.Length) * size];
        while (!destination.IsEmpty)
        {
            int count = Math.Min(ChunkLength, destination.Length);
            source.Read(entry.Offset + (start * size), bytes.AsSpan(0, count * size));
            entry.Format.Decode(bytes, destination[..count]);
            start += count;
            destination = destination[count..];
        }
    }

    internal override void Write(Stream stream) => source.CopyTo(stream, entry.Offset, ByteLength);
}
