using System.Globalization;

namespace Normalization;

/// <summary>Reads one constant of a model: its shape, and its elements wherever they are stored.</summary>
internal sealed class OnnxTensor
{
    private const int MostDimensions = 16;
    private const int Single = 1, Half = 10, Double = 11, BrainFloat = 16;

    private readonly ProtobufReader _protobuf;
    private readonly List<long> _shape = [];
    private readonly List<byte> _typed = [];
    private readonly Dictionary<string, string> _external = new(StringComparer.Ordinal);
    private ProtobufField? _raw;
    private int _type;
    private bool _isExternal;

    private OnnxTensor(ProtobufReader protobuf, ProtobufField tensor)
    {
        _protobuf = protobuf;
        foreach (ProtobufField field in protobuf.Fields(tensor))
            Read(field);
    }

    /// <summary>The value of a constant, or what hinders it.</summary>
    /// <param name="protobuf">The model.</param>
    /// <param name="tensor">The place of the constant.</param>
    /// <param name="folder">The folder of the model, where files with elements may lie; null for a model that is not in a file.</param>
    /// <param name="problem">Receives a sentence without its full stop.</param>
    public static StateValue? Read(ProtobufReader protobuf, ProtobufField tensor, string? folder, out string problem)
    {
        var reader = new OnnxTensor(protobuf, tensor);
        problem = "";
        string? name = reader._type switch { Single => "F32", Half => "F16", Double => "F64", BrainFloat => "BF16", _ => null };
        if (name is null || ElementFormat.Find(name) is not ElementFormat format)
        {
            problem = $"has elements of the type {reader._type}; float, double, float16 and bfloat16 can be read";
            return null;
        }
        (long length, long size) = reader.Size(format);
        byte[]? bytes =
            reader._isExternal ? reader.External(folder, size, out problem)
            : reader._raw is ProtobufField raw ? protobuf.Bytes(raw)
            : [.. reader._typed];
        if (bytes is null)
            return null;
        if (bytes.Length != size)
            throw protobuf.Error($"a constant of the shape {reader.FormatShape()} has {bytes.Length} bytes of {name}");
        return new StoredValue(new MemorySource(bytes), new("", format, [.. reader._shape], length, 0));
    }

    private void Read(ProtobufField field)
    {
        switch (field.Number)
        {
            case 1:
                foreach (long size in _protobuf.Integers(field))
                {
                    if (size < 0 || _shape.Count == MostDimensions)
                        throw _protobuf.Error($"a constant has a negative size or more than {MostDimensions} dimensions");
                    _shape.Add(size);
                }
                break;
            case 2:
                _type = (int)_protobuf.Integer(field);
                break;
            // float_data and double_data, packed or one by one: the bytes of the elements themselves.
            case 4 or 10:
                int width = field.Number == 4 ? sizeof(float) : sizeof(double);
                _typed.AddRange(field.Type == WireType.Bytes ? _protobuf.Bytes(field) : BitConverter.GetBytes(field.Value)[..width]);
                break;
            // int32_data: the 16 bits of a half type in each number.
            case 5:
                foreach (long bits in _protobuf.Integers(field))
                    _typed.AddRange((byte)bits, (byte)(bits >> 8));
                break;
            case 9:
                _raw = field;
                break;
            case 13:
                ReadExternal(field);
                break;
            case 14:
                _isExternal = _protobuf.Integer(field) == 1;
                break;
        }
    }

    private void ReadExternal(ProtobufField entry)
    {
        string key = "", value = "";
        foreach (ProtobufField field in _protobuf.Fields(entry))
        {
            if (field.Number == 1)
                key = _protobuf.Text(field);
            else if (field.Number == 2)
                value = _protobuf.Text(field);
        }
        _external[key] = value;
    }

    private string FormatShape() => StateValue.FormatShape([.. _shape]);

    private (long Length, long Bytes) Size(ElementFormat format)
    {
        UInt128 length = 1;
        foreach (long size in _shape)
        {
            length *= (ulong)size;
            if (length > (UInt128)Array.MaxLength)
                throw _protobuf.Error($"a constant has the shape {FormatShape()}, and at most {Array.MaxLength} elements are accepted");
        }
        return ((long)length, (long)length * format.Bits / 8);
    }

    /// <summary>
    /// Elements in a file in or below the folder of the model. A file in another folder is refused, because a model must not choose
    /// which files are read.
    /// </summary>
    private byte[]? External(string? folder, long size, out string problem)
    {
        string location = _external.GetValueOrDefault("location", "");
        string[] parts = location.Split('/', '\\');
        problem = $"lies in the file {KeyText.Shown(location)}";
        if (folder is null)
        {
            problem += ", which only a model that is loaded from a file can name";
            return null;
        }
        if (location.Length == 0 || Path.IsPathRooted(location) || location.Contains(':', StringComparison.Ordinal)
            || parts.Any(static part => part is "" or "." or ".."))
        {
            problem += ", which is not beside the model";
            return null;
        }
        using var file = new FileSource(Path.Combine([folder, .. parts]));
        long offset = Number("offset", 0), length = Number("length", file.Length - offset);
        if (offset > file.Length || length != size || length > file.Length - offset || length > Array.MaxLength)
        {
            throw _protobuf.Error(
                $"a constant of {size} bytes has {length} bytes from byte {offset} on "
                + $"in {KeyText.Shown(location)}, which has {file.Length}");
        }
        byte[] bytes = new byte[length];
        file.Read(offset, bytes);
        return bytes;
    }

    private long Number(string key, long otherwise) =>
        !_external.TryGetValue(key, out string? text) ? otherwise
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw _protobuf.Error($"{KeyText.Shown(key)} of external data is no number");
}
