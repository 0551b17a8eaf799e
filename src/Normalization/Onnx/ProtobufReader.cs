using System.Buffers.Binary;
using System.Text;

namespace Normalization;

/// <summary>How the bytes of a field follow its number.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// <summary>One field of a message: a number, or the place of its bytes.</summary>
internal readonly record struct ProtobufField(int Number, WireType Type, ulong Value, long Start, long Length);

/// <summary>
/// Reads the wire format of Protocol Buffers, field by field, from a file that is not trusted. A field must not be longer than the
/// message around it. Fields that are not needed are skipped.
/// </summary>
internal sealed class ProtobufReader(ByteSource source)
{
    private const int WindowLength = 1 << 14;
    private const int LongestText = 1 << 14;
    private const int LongestVarint = 10;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _window = new byte[WindowLength];
    private long _windowStart;
    private int _windowCount;

    public long Length => source.Length;

    public InvalidDataException Error(string reason, Exception? inner = null) =>
        new($"{source.Name} is not a valid ONNX model: {reason}.", inner);

    /// <summary>The fields of the message at a place, in their order.</summary>
    public IEnumerable<ProtobufField> Fields(long start, long length)
    {
        long position = start, end = start + length;
        while (position < end)
        {
            ulong key = ReadVarint(ref position, end), number = key >> 3;
            var type = (WireType)(key & 7);
            if (number is 0 or > int.MaxValue)
                throw Error($"the field before byte {position} has the number {number}");
            ulong value = type switch
            {
                WireType.Varint or WireType.Bytes => ReadVarint(ref position, end),
                WireType.Fixed64 => ReadFixed(ref position, end, sizeof(ulong)),
                WireType.Fixed32 => ReadFixed(ref position, end, sizeof(uint)),
                _ => throw Error($"the field before byte {position} has the wire type {(int)type}"),
            };
            long bytes = 0;
            if (type == WireType.Bytes)
            {
                if (value > (ulong)(end - position))
                    throw Error($"the field before byte {position} is said to have {value} bytes, but {end - position} are there");
                bytes = (long)value;
            }
            yield return new((int)number, type, value, position, bytes);
            position += bytes;
        }
    }

    /// <summary>The fields of a field that is a message.</summary>
    public IEnumerable<ProtobufField> Fields(ProtobufField message) => Fields(Require(message, WireType.Bytes).Start, message.Length);

    public string Text(ProtobufField field)
    {
        if (Require(field, WireType.Bytes).Length > LongestText)
            throw Error($"a name has {field.Length} bytes, and at most {LongestText} are accepted");
        try
        {
            return s_strict.GetString(Bytes(field));
        }
        catch (DecoderFallbackException exception)
        {
            throw Error("a name is not valid UTF-8", exception);
        }
    }

    public long Integer(ProtobufField field) => (long)Require(field, WireType.Varint).Value;

    public float Single(ProtobufField field) => BitConverter.UInt32BitsToSingle((uint)Require(field, WireType.Fixed32).Value);

    /// <summary>The numbers of a repeated field, which may be packed into one field or stand in one each.</summary>
    public IEnumerable<long> Integers(ProtobufField field)
    {
        if (field.Type != WireType.Bytes)
        {
            yield return Integer(field);
            yield break;
        }
        long position = field.Start, end = field.Start + field.Length;
        while (position < end)
            yield return (long)ReadVarint(ref position, end);
    }

    public byte[] Bytes(ProtobufField field)
    {
        if (Require(field, WireType.Bytes).Length > Array.MaxLength)
            throw Error($"a value has {field.Length} bytes, and at most {Array.MaxLength} are accepted");
        byte[] bytes = new byte[field.Length];
        source.Read(field.Start, bytes);
        return bytes;
    }

    private ProtobufField Require(ProtobufField field, WireType type) =>
        field.Type == type ? field
            : throw Error($"field {field.Number} before byte {field.Start} has the wire type {(int)field.Type} instead of {(int)type}");

    private ulong ReadVarint(ref long position, long end)
    {
        ulong value = 0;
        for (int i = 0; i < LongestVarint; i++)
        {
            byte next = ReadByte(ref position, end);
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
                return value;
        }
        throw Error($"the number before byte {position} has more than {LongestVarint} bytes");
    }

    private ulong ReadFixed(ref long position, long end, int count)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes.Clear();
        for (int i = 0; i < count; i++)
            bytes[i] = ReadByte(ref position, end);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private byte ReadByte(ref long position, long end)
    {
        if (position >= end)
            throw Error($"it ends within the field before byte {position}");
        if (position < _windowStart || position >= _windowStart + _windowCount)
        {
            _windowCount = (int)Math.Min(WindowLength, source.Length - position);
            _windowStart = position;
            source.Read(position, _window.AsSpan(0, _windowCount));
        }
        return _window[position++ - _windowStart];
    }
}
