namespace Normalization.Tests;

/// <summary>Ranks that always say the same, in one thread.</summary>
internal sealed class Echo : ICollective
{
    public int Calls { get; set; }

    public bool IsBroken { get; set; }

    public int Rank => 0;

    public int Size { get; init; } = 2;

    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        if (IsBroken)
            throw new CollectiveException("planted");
        Calls++;
        for (int rank = 0; rank < Size; rank++)
            values.CopyTo(gathered[(rank * values.Length)..]);
    }

    /// <summary>Gets how many values the last sum had.</summary>
    public int Values { get; private set; }

    public void AllReduce(Span<double> values)
    {
        Calls++;
        Values = values.Length;
        foreach (ref double value in values)
            value *= Size;
    }
}
