using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Normalization;

/// <summary>A state as the bytes of a safetensors file. Everything that can be wrong with it is found before a byte is written.</summary>
internal sealed class SafeTensorsWriter
{
    private const int Alignment = 8;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<(string Name, StateValue Value)> _values = [];
    private readonly ArrayBufferWriter<byte> _header = new();

    public SafeTensorsWriter(StateDictionary state, IReadOnlyDictionary<string, string>? metadata)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach ((string name, StateValue value) in state)
        {
            GuardText(name, nameof(state));
            if (name == "__metadata__")
                throw new ArgumentException("A value cannot be named __metadata__, which the format needs.", nameof(state));
            _values.Add((name, value));
        }
        // Large elements first: then each value is aligned to the size of its elements.
        _values.Sort(static (left, right) =>
            left.Value.Format == right.Value.Format
                ? string.CompareOrdinal(left.Name, right.Name) : right.Value.Format.Rank - left.Value.Format.Rank);
        WriteHeader(metadata);
        if (_header.WrittenCount > SafeTensorsFile.MaxHeaderLimit)
        {
            throw new ArgumentException(
                $"The header would have {_header.WrittenCount} bytes, and at most {SafeTensorsFile.MaxHeaderLimit} can be "
                    + "read.", nameof(state));
        }
    }

    public void Write(Stream stream)
    {
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)_header.WrittenCount);
        stream.Write(length);
        stream.Write(_header.WrittenSpan);
        foreach ((_, StateValue value) in _values)
            value.Write(stream);
    }

    private static void GuardText(string text, string name)
    {
        try
        {
            s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException exception)
        {
            throw new ArgumentException($"{KeyText.Shown(text)} is not valid Unicode.", name, exception);
        }
    }

    private void WriteHeader(IReadOnlyDictionary<string, string>? metadata)
    {
        using (var json = new Utf8JsonWriter(_header, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is not null)
                WriteMetadata(json, metadata);
            long offset = 0;
            foreach ((string name, StateValue value) in _values)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", value.Format.Name);
                WriteIntegers(json, "shape", value.Shape);
                long end = offset + value.ByteLength;
                WriteIntegers(json, "data_offsets", [offset, end]);
                json.WriteEndObject();
                offset = end;
            }
            json.WriteEndObject();
        }
        int padding = -_header.WrittenCount & (Alignment - 1);
        _header.GetSpan(padding)[..padding].Fill((byte)' ');
        _header.Advance(padding);
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject("__metadata__");
        foreach ((string key, string text) in metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            ArgumentNullException.ThrowIfNull(text, nameof(metadata));
            GuardText(key, nameof(metadata));
            GuardText(text, nameof(metadata));
            json.WriteString(key, text);
        }
        json.WriteEndObject();
    }

    private static void WriteIntegers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
