using System.Globalization;
using System.IO.Compression;

namespace Normalization.Training.Data;

/// <summary>Reads digits from comma-separated text: 64 pixels from 0 to 16 and the class, one image a line, gzipped or not.</summary>
internal static class DigitReader
{
    private const int MinimumCount = 200;
    private const int LongestLine = 1024;

    public static DigitSet ReadEmbedded()
    {
        using Stream stream = typeof(DigitReader).Assembly.GetManifestResourceStream("digits.csv.gz")!;
        return Read(stream);
    }

    public static DigitSet Read(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return Read(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"cannot read the data '{path}': {e.Message}");
        }
        catch (InvalidDataException e)
        {
            throw new UsageException($"'{path}' does not hold digits: {e.Message}");
        }
    }

    private static DigitSet Read(Stream stream)
    {
        using var buffered = new BufferedStream(stream);
        using Stream text = IsGzip(buffered) ? new GZipStream(buffered, CompressionMode.Decompress) : buffered;
        using var reader = new StreamReader(text);

        var pixels = new List<float>();
        var labels = new List<int>();
        Span<char> line = stackalloc char[LongestLine];
        Span<int> values = stackalloc int[DigitSet.PixelCount + 1];
        while (TryReadLine(reader, line, labels.Count + 1, out int length))
        {
            Parse(line[..length], labels.Count + 1, values);
            foreach (int pixel in values[..DigitSet.PixelCount])
                pixels.Add(pixel / 16f);

            labels.Add(values[^1]);
        }

        return labels.Count >= MinimumCount
            ? new DigitSet([.. pixels], [.. labels])
            : throw new InvalidDataException($"{labels.Count} images are too few, at least {MinimumCount} are needed");
    }

    private static bool IsGzip(BufferedStream stream)
    {
        int first = stream.ReadByte();
        int second = stream.ReadByte();
        stream.Seek(0, SeekOrigin.Begin);
        return first == 0x1F && second == 0x8B;
    }

    /// <summary>Unlike <see cref="StreamReader.ReadLine"/>, stops at a line that is far too long:
    /// any file may be given to the program.</summary>
    private static bool TryReadLine(StreamReader reader, Span<char> line, int number, out int length)
    {
        length = 0;
        int next;
        while ((next = reader.Read()) is not (-1 or '\n'))
        {
            if (length == line.Length)
            {
                throw new InvalidDataException($"line {number} is longer than {LongestLine} characters");
            }

            line[length++] = (char)next;
        }

        return next != -1 || length > 0;
    }

    private static void Parse(ReadOnlySpan<char> line, int number, Span<int> values)
    {
        int count = 0;
        foreach (Range field in line.Split(','))
        {
            int most = count < DigitSet.PixelCount ? 16 : DigitSet.ClassCount - 1;
            if (count == values.Length
                || !int.TryParse(line[field], NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)
                || value < 0 || value > most)
            {
                throw new InvalidDataException($"line {number} is not 64 numbers from 0 to 16 and one from 0 to 9");
            }

            values[count++] = value;
        }

        if (count != values.Length)
        {
            throw new InvalidDataException($"line {number} has {count} numbers instead of {values.Length}");
        }
    }
}
