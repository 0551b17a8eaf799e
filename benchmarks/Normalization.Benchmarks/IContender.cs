namespace Normalization.Benchmarks;

/// <summary>A library that runs inside this process, in one layout or element type.</summary>
internal interface IContender
{
    string Library { get; }

    string Layout { get; }

    /// <summary>Makes a case ready and returns one call of it, or null where the library has no such operation.</summary>
    Action? Prepare(string operation, int[] shape, int groups, int threads);
}

/// <summary>The outcome of timing one case: two times, or the reason why there are none.</summary>
internal readonly record struct Measurement(double MedianMicroseconds, double MinMicroseconds, string? Unsupported = null)
{
    public static Measurement Without(string reason) => new(double.NaN, double.NaN, reason);

    /// <summary>The better of two rounds: the lowest median, because noise of the machine only ever adds.</summary>
    public Measurement Best(Measurement other) =>
        Unsupported is not null ? other
        : other.Unsupported is not null ? this
        : new(Math.Min(MedianMicroseconds, other.MedianMicroseconds), Math.Min(MinMicroseconds, other.MinMicroseconds));
}

/// <summary>One column of the comparison: a library in one layout, wherever it runs.</summary>
internal interface IComparisonColumn
{
    string Library { get; }

    string Layout { get; }

    Measurement Measure(ComparisonCase item, double milliseconds);

    /// <summary>Lets go of everything prepared for the cases so far.</summary>
    void Forget();
}
