using System.Globalization;

namespace Normalization.Training.Data;

/// <summary>Reads digits from comma-separated text: 64 pixels from 0 to 16 and the class, one image a line, gzipped or not.</summary>
internal static class DigitReader
{
    public const int Side = 8;

    private const int PixelCount = Side * Side;
    private const int MinimumCount = 200;
    private const int LongestLine = 1024;

    public static ImageSet ReadEmbedded()
    {
        using Stream stream = typeof(DigitReader).Assembly.GetManifestResourceStream("digits.csv.gz")!;
        using Stream text = DataFile.Decompressed(stream);
        return Read(text);
    }

    public static ImageSet Read(string path) => DataFile.Read(path, "digits", Read);

    private static ImageSet Read(Stream text)
    {
        using var reader = new StreamReader(text);

        var pixels = new List<float>();
        var labels = new List<int>();
        Span<char> line = stackalloc char[LongestLine];
        Span<int> values = stackalloc int[PixelCount + 1];
        while (TryReadLine(reader, line, labels.Count + 1, out int length))
        {
            Parse(line[..length], labels.Count + 1, values);
            foreach (int pixel in values[..PixelCount])
                pixels.Add(pixel / 16f);

            labels.Add(values[^1]);
        }

        return labels.Count >= MinimumCount
            ? new ImageSet([.. pixels], [.. labels], Side)
            : throw new InvalidDataException($"{labels.Count} images are too few, at least {MinimumCount} are needed");
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
            int most = count < PixelCount ? 16 : ImageSet.ClassCount - 1;
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
