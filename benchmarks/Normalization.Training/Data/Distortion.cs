namespace Normalization.Training.Data;

/// <summary>Makes more images out of few: each of them several times, shifted and turned by random amounts.</summary>
internal sealed record Distortion(string Name, double MostPixels, double MostDegrees)
{
    /// <summary>So many variants of each image, with its class.</summary>
    public ImageSet Apply(ImageSet images, int variants, Random random)
    {
        int side = images.Side, size = images.PixelCount;
        var all = new Tensor<float>(images.Count, size);
        var labels = new int[images.Count];
        images.CopyTo([.. Enumerable.Range(0, images.Count)], all, labels);
        var pixels = new float[images.Count * variants * size];
        for (int i = 0; i < images.Count * variants; i++)
            Distort(all.Span.Slice(i / variants * size, size), pixels.AsSpan(i * size, size), side, random);

        return new ImageSet(pixels, [.. labels.SelectMany(label => Enumerable.Repeat(label, variants))], side);
    }

    private void Distort(ReadOnlySpan<float> image, Span<float> result, int side, Random random)
    {
        double angle = Between(random, MostDegrees) * Math.PI / 180, dx = Between(random, MostPixels), dy = Between(random, MostPixels);
        (double sine, double cosine) = Math.SinCos(angle);
        double center = (side - 1) / 2.0;
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                (double right, double down) = (x - center, y - center);
                result[y * side + x] =
                    At(image, side, center + cosine * right - sine * down + dx, center + sine * right + cosine * down + dy);
            }
        }
    }

    /// <summary>The image between its pixels, by linear interpolation; 0 outside.</summary>
    private static float At(ReadOnlySpan<float> image, int side, double x, double y)
    {
        (int left, int top) = ((int)Math.Floor(x), (int)Math.Floor(y));
        double value = 0;
        for (int row = top; row <= top + 1; row++)
        {
            for (int column = left; column <= left + 1; column++)
            {
                if (row >= 0 && row < side && column >= 0 && column < side)
                    value += image[row * side + column] * (1 - Math.Abs(x - column)) * (1 - Math.Abs(y - row));
            }
        }

        return (float)value;
    }

    private static double Between(Random random, double most) => most * (2 * random.NextDouble() - 1);
}
