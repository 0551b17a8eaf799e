namespace Normalization.Kernels.Plans;

/// <summary>
/// [n, c, s] in tiles: neighboring positions of one sample with all channels. The shape of a sample alone says how it is cut.
/// </summary>
internal readonly struct WindowLayout
{
    private readonly nint _tilesPerSample;

    public WindowLayout(nint n, nint c, nint s, nint longestRow, in ChannelWindow window)
    {
        (Channels, Positions, Window) = (c, s, window);
        LongestRow = Math.Min(longestRow, s);
        _tilesPerSample = (s + longestRow - 1) / longestRow;
        Tiles = n * _tilesPerSample;
        Elements = (long)n * c * s;
    }

    public ChannelWindow Window { get; }

    public nint Channels { get; }

    /// <summary>The positions of a sample, which is also how far a channel lies behind the channel before it.</summary>
    public nint Positions { get; }

    public long Elements { get; }

    public nint Tiles { get; }

    /// <summary>The most positions of one tile.</summary>
    public nint LongestRow { get; }

    /// <summary>Whether the channels of a position lie side by side, so that a window is a piece of memory.</summary>
    public bool IsContiguous => Positions == 1;

    /// <summary>How many channels before an element's own channel can exist.</summary>
    public nint Before => Math.Min(Window.Before, Channels - 1);

    /// <summary>How many channels behind an element's own channel can exist.</summary>
    public nint After => Math.Min(Window.After, Channels - 1);

    /// <summary>A tile: where its first channel begins, and how many positions it has.</summary>
    public (nint Offset, nint Length) this[nint tile]
    {
        get
        {
            nint sample = tile / _tilesPerSample, start = tile % _tilesPerSample * LongestRow;
            return ((sample * Channels * Positions) + start, Math.Min(LongestRow, Positions - start));
        }
    }
}
