namespace Normalization.Benchmarks.Pictures;

/// <summary>The icon of the packages: a small cube with one channel in color.</summary>
internal static class Icon
{
    public const int Size = 128;
    private const int Samples = 3, Margin = 6, Parts = 4;

    private static readonly (byte R, byte G, byte B)[] s_plain = [(0xC9, 0xD1, 0xD9), (0xAF, 0xB8, 0xC1), (0x8C, 0x95, 0x9F)];
    private static readonly (byte R, byte G, byte B)[] s_shared = [(0x6D, 0xB5, 0xEA), (0x22, 0x87, 0xCC), (0x1A, 0x6A, 0xA2)];

    /// <summary>Red, green, blue and opacity of each pixel, row by row.</summary>
    public static byte[] Draw()
    {
        var cube = new Cube(Samples, Samples, Samples, static (_, c) => c == 1);
        double edge = (Size - (2 * Margin)) / cube.Height, left = (Size - (cube.Width * edge)) / 2;
        byte[] pixels = new byte[Size * Size * 4];
        foreach (Face face in cube.Faces())
        {
            // A little inside its edges, so that a light from behind separates the faces.
            (double X, double Y) center = (face.Corners.Average(static corner => corner.X), face.Corners.Average(static corner => corner.Y));
            (double X, double Y)[] corners =
            [
                .. face.Corners.Select(corner =>
                    (left + ((center.X + (0.94 * (corner.X - center.X))) * edge), Margin + ((center.Y + (0.94 * (corner.Y - center.Y))) * edge))),
            ];
            Fill(pixels, corners, (face.IsShared ? s_shared : s_plain)[(int)face.Side]);
        }
        return pixels;
    }

    private static void Fill(byte[] pixels, (double X, double Y)[] corners, (byte R, byte G, byte B) color)
    {
        for (int y = (int)corners.Min(static corner => corner.Y); y <= corners.Max(static corner => corner.Y); y++)
        {
            for (int x = (int)corners.Min(static corner => corner.X); x <= corners.Max(static corner => corner.X); x++)
            {
                int covered = Enumerable.Range(0, Parts * Parts)
                    .Count(part => Contains(corners, x + (((part % Parts) + 0.5) / Parts), y + (((part / Parts) + 0.5) / Parts)));
                Span<byte> pixel = pixels.AsSpan(((y * Size) + x) * 4, 4);
                byte opacity = (byte)(255 * covered / (Parts * Parts));
                // Faces do not overlap: the pixel belongs to the face that covers most of it.
                if (opacity > pixel[3])
                    (pixel[0], pixel[1], pixel[2], pixel[3]) = (color.R, color.G, color.B, opacity);
            }
        }
    }

    // The corners go around clockwise, so a point inside has every edge on its left.
    private static bool Contains((double X, double Y)[] corners, double x, double y)
    {
        int sides = 0;
        for (int i = 0; i < corners.Length; i++)
        {
            ((double X, double Y) from, (double X, double Y) to) = (corners[i], corners[(i + 1) % corners.Length]);
            sides += Math.Sign(((to.X - from.X) * (y - from.Y)) - ((to.Y - from.Y) * (x - from.X)));
        }
        return Math.Abs(sides) == corners.Length;
    }
}
