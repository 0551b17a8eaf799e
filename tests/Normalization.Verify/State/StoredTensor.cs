using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Normalization.Verify.State;

/// <summary>One value of a file that the checks build byte by byte, without the library's writer.</summary>
internal sealed record StoredTensor(string Name, string Type, long[] Shape, byte[] Data)
{
    public static StoredTensor Single(string name, long[] shape, params float[] values) => new(name, "F32", shape, Bytes(values, 4, BinaryPrimitives.WriteSingleLittleEndian));

    public static StoredTensor Double(string name, long[] shape, params double[] values) => new(name, "F64", shape, Bytes(values, 8, BinaryPrimitives.WriteDoubleLittleEndian));

    public static StoredTensor Half(string name, long[] shape, params float[] values) =>
        new(name, "F16", shape, Bytes(Array.ConvertAll(values, static value => (Half)value), 2, BinaryPrimitives.WriteHalfLittleEndian));

    /// <summary>The values must be the same as bfloat16.</summary>
    public static StoredTensor Brain(string name, long[] shape, params float[] values) =>
        new(name, "BF16", shape, Bytes(values, 2, static (bytes, value) => BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))));

    public static StoredTensor Whole(string name, long[] shape, params long[] values) => new(name, "I64", shape, Bytes(values, 8, BinaryPrimitives.WriteInt64LittleEndian));

    public static StoredTensor Zeros(string name, string type, long[] shape, int bytes) => new(name, type, shape, new byte[bytes]);

    private static byte[] Bytes<T>(T[] values, int size, Writer<T> write)
    {
        byte[] bytes = new byte[values.Length * size];
        for (int i = 0; i < values.Length; i++)
            write(bytes.AsSpan(i * size), values[i]);
        return bytes;
    }

    private delegate void Writer<T>(Span<byte> destination, T value);
}

/// <summary>The two parts of a file, which need not fit each other.</summary>
internal sealed record StoredFile(byte[] Header, byte[] Data)
{
    /// <summary>A file of these values in this order; the header without the outer braces may be changed on the way.</summary>
    public static StoredFile Of(IReadOnlyList<StoredTensor> tensors, string metadata = "", int alignment = 8, Func<IEnumerable<string>, string>? layout = null)
    {
        var entries = new List<string>();
        var data = new List<byte>();
        foreach (StoredTensor tensor in tensors)
        {
            string shape = string.Join(',', tensor.Shape.Select(static size => size.ToString(CultureInfo.InvariantCulture)));
            entries.Add($$"""{{Quoted(tensor.Name)}}:{"dtype":"{{tensor.Type}}","shape":[{{shape}}],"data_offsets":[{{data.Count}},{{data.Count + tensor.Data.Length}}]}""");
            data.AddRange(tensor.Data);
        }
        IEnumerable<string> all = metadata.Length > 0 ? entries.Prepend($"\"__metadata__\":{metadata}") : entries;
        string text = layout is null ? $"{{{string.Join(',', all)}}}" : layout(all);
        byte[] header = Encoding.UTF8.GetBytes(text);
        int padding = -header.Length & (alignment - 1);
        return new([.. header, .. Enumerable.Repeat((byte)' ', padding)], [.. data]);
    }

    public byte[] ToBytes() => ToBytes((ulong)Header.Length);

    public byte[] ToBytes(ulong headerLength)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, headerLength);
        return [.. length, .. Header, .. Data];
    }

    // Every character escaped: legal, and nothing that the library's own writer does.
    private static string Quoted(string name) => name.All(char.IsAscii)
        ? $"\"{name}\""
        : $"\"{string.Concat(name.Select(static letter => $"\\u{(int)letter:x4}"))}\"";
}
