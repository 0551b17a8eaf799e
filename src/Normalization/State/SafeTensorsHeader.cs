using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Normalization;

/// <summary>What the header of a safetensors file says about one value; the offset is that of its first byte in the file.</summary>
internal sealed record SafeTensorsEntry(string Name, ElementFormat Format, long[] Shape, long Length, long Offset);

/// <summary>
/// Reads the header of a safetensors file, which is not trusted. Every value of the header is checked before it is used, and no more
/// memory is allocated than the file has bytes for.
/// </summary>
internal ref struct SafeTensorsHeader
{
    private const string MetadataName = "__metadata__";

    // The header, a value in it, its shape.
    private const int Depth = 3;

    private readonly ByteSource _source;
    private readonly Dictionary<string, Described> _values = new(StringComparer.Ordinal);
    private Dictionary<string, string>? _metadata;
    private Utf8JsonReader _json;

    private SafeTensorsHeader(ByteSource source, ReadOnlySpan<byte> text)
    {
        _source = source;
        _json = new(text, new JsonReaderOptions { MaxDepth = Depth });
    }

    /// <summary>Returns the values in the order of the header.</summary>
    public static (List<SafeTensorsEntry> Entries, IReadOnlyDictionary<string, string> Metadata) Read(ByteSource source, int limit)
    {
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        if (source.Length < prefix.Length)
            throw Invalid(source, $"it has {source.Length} bytes, and the length of the header alone takes 8");
        source.Read(0, prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        long rest = source.Length - prefix.Length;
        if (length > (ulong)rest)
            throw Invalid(source, $"the header is said to have {length} bytes, but {rest} are there");
        if (length > (ulong)limit)
            throw Invalid(source, $"the header has {length} bytes, and at most {limit} are accepted; a higher headerLimit accepts more");
        byte[] text = GC.AllocateUninitializedArray<byte>((int)length);
        source.Read(prefix.Length, text);
        if (text is not [(byte)'{', ..])
            throw Invalid(source, "the header does not begin with {");
        if (!Utf8.IsValid(text))
            throw Invalid(source, "the header is not valid UTF-8");
        var header = new SafeTensorsHeader(source, text);
        try
        {
            header.Parse();
        }
        catch (JsonException exception)
        {
            throw Invalid(source, $"the header is not valid JSON: {exception.Message}", exception);
        }
        return (header.Place(prefix.Length + text.Length, rest - text.Length), header._metadata ?? []);
    }

    private static InvalidDataException Invalid(ByteSource source, string reason, Exception? inner = null) =>
        new($"{source.Name} is not a valid safetensors file: {reason}.", inner);

    private readonly InvalidDataException Error(string reason) => Invalid(_source, reason);

    private void Parse()
    {
        _json.Read();
        while (NextName(out string name))
        {
            _json.Read();
            if (_json.TokenType != JsonTokenType.StartObject)
                throw Error($"{KeyText.Shown(name)} is not described by an object");
            if (name == MetadataName)
                ReadMetadata();
            else if (!_values.TryAdd(name, ReadValue(name)))
                throw Error($"{KeyText.Shown(name)} is there twice");
        }
        // The JSON reader throws where anything but white space follows the object.
        _json.Read();
    }

    /// <summary>Moves to the next name of an object, or to its end.</summary>
    private bool NextName(out string name)
    {
        _json.Read();
        name = _json.TokenType == JsonTokenType.PropertyName ? Text() : "";
        return _json.TokenType == JsonTokenType.PropertyName;
    }

    private readonly string Text()
    {
        try
        {
            return _json.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            // An escape sequence stands for half of a character.
            throw Invalid(_source, "the header holds text that is not valid Unicode", exception);
        }
    }

    private void ReadMetadata()
    {
        if (_metadata is not null)
            throw Error($"{MetadataName} is there twice");
        _metadata = new(StringComparer.Ordinal);
        while (NextName(out string name))
        {
            _json.Read();
            if (_json.TokenType != JsonTokenType.String)
                throw Error($"{KeyText.Shown(name)} in {MetadataName} is not a string");
            if (!_metadata.TryAdd(name, Text()))
                throw Error($"{KeyText.Shown(name)} is there twice in {MetadataName}");
        }
    }

    private Described ReadValue(string name)
    {
        string? type = null;
        long[]? shape = null, offsets = null;
        while (NextName(out string field))
        {
            bool isFirst = field switch
            {
                "dtype" => type is null,
                "shape" => shape is null,
                "data_offsets" => offsets is null,
                _ => false,
            };
            if (!isFirst)
                throw Error($"{KeyText.Shown(name)} has the field {KeyText.Shown(field)} twice, or should not have it");
            _json.Read();
            if (field == "dtype")
                type = _json.TokenType == JsonTokenType.String ? Text() : "";
            else if (field == "shape")
                shape = Integers(name, field);
            else
                offsets = Integers(name, field);
        }
        if (type is null || shape is null || offsets is null)
            throw Error($"{KeyText.Shown(name)} lacks dtype, shape or data_offsets");
        ElementFormat? format = ElementFormat.Find(type);
        if (format is null)
            throw Error($"{KeyText.Shown(name)} has the unknown dtype {KeyText.Shown(type)}");
        if (offsets is not [long begin, long end] || begin > end)
            throw Error($"{KeyText.Shown(name)} has data_offsets that are not a begin and an end");
        UInt128 bits = (UInt128)format.Bits * (ulong)Product(name, shape);
        if (bits != (UInt128)(ulong)(end - begin) * 8)
            throw Error($"{KeyText.Shown(name)} has {end - begin} bytes, which do not fit the dtype {type} and the shape");
        return new(format, shape, (long)(bits / (uint)format.Bits), begin, end);
    }

    private long[] Integers(string name, string field)
    {
        if (_json.TokenType != JsonTokenType.StartArray)
            throw Error($"{field} of {KeyText.Shown(name)} is not an array");
        var numbers = new List<long>();
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (_json.TokenType != JsonTokenType.Number || !_json.TryGetUInt64(out ulong number) || number > long.MaxValue)
                throw Error($"{field} of {KeyText.Shown(name)} holds something else than integers from 0 to 2^63 - 1");
            numbers.Add((long)number);
        }
        return [.. numbers];
    }

    /// <summary>The number of elements; the sizes may not overflow even where another size is 0.</summary>
    private readonly long Product(string name, long[] shape)
    {
        UInt128 product = 1;
        foreach (long size in shape)
        {
            product *= (ulong)Math.Max(size, 1);
            if (product > long.MaxValue)
                throw Error($"the shape of {KeyText.Shown(name)} has more than 2^63 - 1 elements");
        }
        return Array.IndexOf(shape, 0) >= 0 ? 0 : (long)product;
    }

    /// <summary>The byte ranges must cover the data from end to end, without a gap and without overlapping.</summary>
    private readonly List<SafeTensorsEntry> Place(long dataStart, long dataLength)
    {
        long reached = 0;
        foreach ((string name, Described value) in _values.OrderBy(static pair => pair.Value.Begin).ThenBy(static pair => pair.Value.End))
        {
            if (value.Begin != reached)
            {
                throw Error(
                    $"{KeyText.Shown(name)} begins at byte {value.Begin} of the data instead of {reached}: there is a gap or an overlap");
            }
            reached = value.End;
        }
        if (reached != dataLength)
            throw Error($"the values have {reached} bytes, but {dataLength} follow the header");
        return [.. _values.Select(
            pair => new SafeTensorsEntry(pair.Key, pair.Value.Format, pair.Value.Shape, pair.Value.Length, dataStart + pair.Value.Begin))];
    }

    private readonly record struct Described(ElementFormat Format, long[] Shape, long Length, long Begin, long End);
}
