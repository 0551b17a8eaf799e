using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Normalization.Verify.State;

/// <summary>
/// What a file is, judged without the library and in another way: the whole header as a tree, numbers of any size, and each byte
/// of the data owned by exactly one value. Null is a file that has to be refused.
/// </summary>
internal static class Judgment
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    public static List<StoredTensor>? Of(byte[] file, long headerLimit)
    {
        if (file.Length < 8)
            return null;
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(file);
        if (length > (ulong)headerLimit || length > (ulong)(file.Length - 8) || length == 0 || file[8] != '{')
            return null;
        try
        {
            string text = s_strict.GetString(file, 8, (int)length);
            using var document = JsonDocument.Parse(text);
            return Tensors(document.RootElement, file.AsSpan(8 + (int)length));
        }
        catch (Exception exception) when (exception is DecoderFallbackException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static List<StoredTensor>? Tensors(JsonElement root, ReadOnlySpan<byte> data)
    {
        JsonProperty[] properties = [.. root.EnumerateObject()];
        if (HasDuplicates(properties))
            return null;
        var tensors = new List<StoredTensor>();
        var ranges = new List<(int Begin, int End)>();
        int[] owners = new int[data.Length];
        foreach (JsonProperty property in properties)
        {
            if (property.Value.ValueKind != JsonValueKind.Object)
                return null;
            JsonProperty[] fields = [.. property.Value.EnumerateObject()];
            if (HasDuplicates(fields))
                return null;
            if (property.Name == "__metadata__")
            {
                // GetString judges the text; a lone half of a character is not valid.
                if (fields.Any(static field => field.Value.ValueKind != JsonValueKind.String || field.Value.GetString() is null))
                    return null;
                continue;
            }
            if (Tensor(property.Name, fields, data, ranges) is not StoredTensor tensor)
                return null;
            tensors.Add(tensor);
        }
        foreach ((int begin, int end) in ranges)
        {
            for (int i = begin; i < end; i++)
                owners[i]++;
        }
        bool isCovered = owners.All(static count => count == 1);
        bool areEmptyOnesOutside = ranges.Where(static range => range.Begin == range.End)
            .All(empty => !ranges.Any(range => range.Begin < empty.Begin && empty.Begin < range.End));
        return isCovered && areEmptyOnesOutside ? tensors : null;
    }

    private static StoredTensor? Tensor(string name, JsonProperty[] fields, ReadOnlySpan<byte> data, List<(int, int)> ranges)
    {
        Dictionary<string, JsonElement> byName = fields.ToDictionary(static field => field.Name, static field => field.Value);
        if (byName.Count != 3 || !byName.TryGetValue("dtype", out JsonElement type) || type.ValueKind != JsonValueKind.String)
            return null;
        if (Bits(type.GetString()!) is not int bits)
            return null;
        if (!byName.TryGetValue("shape", out JsonElement sizes) || Integers(sizes) is not BigInteger[] shape)
            return null;
        if (!byName.TryGetValue("data_offsets", out JsonElement offsets) || Integers(offsets) is not [BigInteger begin, BigInteger end])
            return null;
        if (shape.Aggregate(BigInteger.One, static (product, size) => product * BigInteger.Max(1, size)) > long.MaxValue)
            return null;
        BigInteger elements = shape.Aggregate(BigInteger.One, static (product, size) => product * size);
        if (begin > end || end > data.Length || (end - begin) * 8 != elements * bits)
            return null;
        ranges.Add(((int)begin, (int)end));
        return new(name, type.GetString()!, Array.ConvertAll(shape, static size => (long)size), data[(int)begin..(int)end].ToArray());
    }

    private static int? Bits(string type) => type switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "C64" or "F64" or "I64" or "U64" => 64,
        _ => null,
    };

    private static BigInteger[]? Integers(JsonElement array)
    {
        if (array.ValueKind != JsonValueKind.Array)
            return null;
        string[] texts = [.. array.EnumerateArray().Select(static item => item.ValueKind == JsonValueKind.Number ? item.GetRawText() : "no")];
        if (!texts.All(static text => text.All(char.IsAsciiDigit)))
            return null;
        BigInteger[] numbers = Array.ConvertAll(texts, static text => BigInteger.Parse(text, CultureInfo.InvariantCulture));
        return numbers.All(static number => number <= long.MaxValue) ? numbers : null;
    }

    private static bool HasDuplicates(JsonProperty[] properties) =>
        properties.Select(static property => property.Name).Distinct(StringComparer.Ordinal).Count() != properties.Length;
}
