namespace Normalization.Kernels.Plans;

/// <summary>
/// What follows the norm, over [blocks, rows, length]: every block has a scale and a shift of its own, one for all of its elements or one
/// for each element of its rows.
/// </summary>
internal readonly record struct EpilogueLayout(nint Blocks, nint Rows, nint Length, bool IsElementwise)
{
    /// <summary>A row is worked on in tiles of this many elements, so that what is kept of a tile stays in the first-level cache.</summary>
    public const int Tile = 512;

    private const nint FlatLength = 1 << 14;

    /// <summary>The number of elements; less than the product of the sizes where the last block is shorter.</summary>
    public nint Elements { get; private init; } = Blocks * Rows * Length;

    /// <summary>The tiles of a row that a thread may take one by one: sums over a whole row are taken by one thread.</summary>
    public nint TilesPerBlock => IsElementwise ? (Length + Tile - 1) / Tile : 1;

    /// <summary>Elements without a scale and a shift, in blocks for the threads.</summary>
    public static EpilogueLayout Flat(nint elements) =>
        new((elements + FlatLength - 1) / FlatLength, 1, FlatLength, IsElementwise: false) { Elements = elements };

    /// <summary>[n, c, s] with a scale and a shift of each channel of each sample.</summary>
    public static EpilogueLayout Channels(nint n, nint c, nint s) =>
        s == 1 ? new(n, 1, c, IsElementwise: true) : new(n * c, 1, s, IsElementwise: false);

    /// <summary>[rows, width] in samples of equally many rows, with a scale and a shift of each element of a row of each sample.</summary>
    public static EpilogueLayout Samples(nint samples, nint rows, nint width) =>
        new(samples, samples == 0 ? 0 : rows / samples, width, IsElementwise: true);
}
