namespace Normalization.Benchmarks;

/// <summary>A library that runs inside this process, in one layout or element type.</summary>
internal interface IContender
{
    string Library { get; }

    string Layout { get; }

    /// <summary>Makes a case ready and returns one call of it, or null where the library has no such operation.</summary>
    Action? Prepare(string operation, int[] shape, int groups, int threads);
}

/// <summary>The outcome of timing one case in one round: two times, or the reason why there are none.</summary>
internal readonly record struct Measurement(double MedianMicroseconds, double MinMicroseconds, string? Unsupported = null)
{
    public static Measurement Without(string reason) => new(double.NaN, double.NaN, reason);
}

/// <summary>The times of one case in all rounds, or the reason why there are none. One round without a time makes all of them void.</summary>
internal sealed class RoundTimes
{
    private readonly List<double> _medians = [];

    /// <summary>Gets the median of each round.</summary>
    public IReadOnlyList<double> Medians => _medians;

    /// <summary>Gets the median of the medians.</summary>
    public double Median => MedianOf(_medians);

    public double Least { get; private set; } = double.PositiveInfinity;

    public string? Unsupported { get; private set; }

    public void Add(Measurement round)
    {
        Unsupported ??= round.Unsupported;
        _medians.Add(round.MedianMicroseconds);
        Least = Math.Min(Least, round.MinMicroseconds);
    }

    /// <summary>The middle one of some numbers, or the mean of the middle two; NaN if there are none.</summary>
    public static double MedianOf(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
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
