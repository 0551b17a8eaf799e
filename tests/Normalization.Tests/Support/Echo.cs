namespace Normalization.Tests;

/// <summary>Two ranks that always say the same, in one thread.</summary>
internal sealed class Echo : ICollective
{
    public int Calls { get; set; }

    public bool IsBroken { get; set; }

    public int Rank => 0;

    public int Size => 2;

    public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
    {
        if (IsBroken)
            throw new CollectiveException("planted");
        Calls++;
        values.CopyTo(gathered);
        values.CopyTo(gathered[values.Length..]);
    }

    public void AllReduce(Span<double> values) => throw new NotSupportedException();
}
