namespace Normalization.Benchmarks.Pictures;

/// <summary>The three sides of the cube that can be seen.</summary>
internal enum Side
{
    /// <summary>The channels and samples at the first position.</summary>
    Top,

    /// <summary>The channels and positions of the first sample.</summary>
    Left,

    /// <summary>The samples and positions of the last channel.</summary>
    Right,
}

/// <summary>One visible face of an element: four corners, in units of an edge.</summary>
internal readonly record struct Face(Side Side, bool IsShared, IReadOnlyList<(double X, double Y)> Corners);

/// <summary>A tensor [N, C, H·W] as a cube of elements: channels go right and down, samples right and up, positions down.</summary>
internal sealed record Cube(int Samples, int Channels, int Positions, Func<int, int, bool> IsShared)
{
    // Both horizontal axes rise and fall by half of an edge: the angles of an isometric drawing.
    private static readonly double s_across = Math.Sqrt(0.75);

    public double Width => (Channels + Samples) * s_across;

    public double Height => ((Channels + Samples) * 0.5) + Positions;

    /// <summary>Where the corner before sample n, channel c and position p lies. The drawing begins at (0, 0).</summary>
    public (double X, double Y) Corner(int n, int c, int p) => ((c + n) * s_across, (Samples * 0.5) + ((c - n) * 0.5) + p);

    public IEnumerable<Face> Faces()
    {
        for (int c = 0; c < Channels; c++)
        {
            for (int n = 0; n < Samples; n++)
            {
                yield return new(
                    Side.Top, IsShared(n, c), [Corner(n, c, 0), Corner(n, c + 1, 0), Corner(n + 1, c + 1, 0), Corner(n + 1, c, 0)]);
            }
            for (int p = 0; p < Positions; p++)
            {
                yield return new(
                    Side.Left, IsShared(0, c), [Corner(0, c, p), Corner(0, c + 1, p), Corner(0, c + 1, p + 1), Corner(0, c, p + 1)]);
            }
        }
        for (int n = 0; n < Samples; n++)
        {
            for (int p = 0; p < Positions; p++)
            {
                yield return new(
                    Side.Right,
                    IsShared(n, Channels - 1),
                    [Corner(n, Channels, p), Corner(n + 1, Channels, p), Corner(n + 1, Channels, p + 1), Corner(n, Channels, p + 1)]);
            }
        }
    }
}
