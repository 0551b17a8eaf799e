using FluentAssertions.Collections;

namespace Normalization.Tests;

/// <summary>Compares bits as a whole first. FluentAssertions boxes every number, which took a third of the time of all tests.</summary>
internal sealed class BitsAssertions(long[] bits) : GenericCollectionAssertions<long>(bits)
{
    public void Equal(long[] expected, string because = "", params object[] becauseArgs)
    {
        if (!bits.AsSpan().SequenceEqual(expected))
            base.Equal(expected, because, becauseArgs);
    }
}

internal static class BitsExtensions
{
    public static BitsAssertions Should(this long[] bits) => new(bits);
}
