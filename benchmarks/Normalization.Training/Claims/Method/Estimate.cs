using System.Globalization;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;
using Normalization.Training.Learning;

namespace Normalization.Training.Claims.Method;

/// <summary>The mean over the seeds, and half the width of its 95 % interval (Student's); the latter is 0 where one seed gives no
/// interval.</summary>
internal readonly record struct Estimate(double Mean, double HalfWidth, int Count)
{
    private const double Confidence = 0.95;

    /// <summary>How many of the runs broke off because their numbers left the range of float. They recognize nothing.</summary>
    public int Diverged { get; init; }

    /// <summary>The factor within which a grid of settings decides the value; 1 if no grid does.</summary>
    public double GridFactor { get; init; } = 1;

    public double Low => (Mean - HalfWidth) / GridFactor;

    public double High => (Mean + HalfWidth) * GridFactor;

    public bool IsAllDiverged => Count > 0 && Diverged == Count;

    public static Estimate Of(IEnumerable<double> values)
    {
        double[] all = [.. values];
        (double mean, double deviation) = all.MeanStandardDeviation();
        double halfWidth = all.Length > 1
            ? StudentT.InvCDF(0, 1, all.Length - 1, (1 + Confidence) / 2) * deviation / Math.Sqrt(all.Length)
            : 0;
        return new Estimate(mean, halfWidth, all.Length);
    }

    public static Estimate Of<T>(IReadOnlyCollection<T> runs, Func<T, double> value) =>
        Of(runs.Select(value)) with { Diverged = runs.Count(run => run is IRun { Diverged: true }) };

    /// <summary>The mean of the differences, seed by seed.</summary>
    public static Estimate Difference<T>(IEnumerable<T> a, IEnumerable<T> b, Func<T, double> value) =>
        Of(a.Zip(b, (x, y) => value(x) - value(y)));

    /// <summary>The mean of the ratios, seed by seed.</summary>
    public static Estimate Ratio<T>(IEnumerable<T> a, IEnumerable<T> b, Func<T, double> value) =>
        Of(a.Zip(b, (x, y) => value(x) / value(y)));

    public string Format(Unit unit)
    {
        if (IsAllDiverged)
            return "diverged";

        string interval = Count > 1 ? $" ± {unit.Format(HalfWidth)}" : "";
        string grid = GridFactor > 1 ? $" (grid: × or ÷ {GridFactor:0.##})" : "";
        string diverged = Diverged > 0 ? $" ({Diverged} of {Count} diverged)" : "";
        return unit.Format(Mean) + interval + unit.Suffix + grid + diverged;
    }
}

/// <summary>How a number is written: so many times as large, with so many decimals, and what follows it.</summary>
internal sealed record Unit(double Scale, int Decimals, string Suffix)
{
    public static readonly Unit Percent = new(100, 1, " %");
    public static readonly Unit Points = new(100, 1, " points");
    public static readonly Unit Times = new(1, 1, " times");
    public static readonly Unit Steps = new(1, 0, " steps");
    public static readonly Unit Layers = new(1, 1, " layers");
    public static readonly Unit Count = new(1, 1, "");
    public static readonly Unit Number = new(1, 2, "");
    public static readonly Unit Small = new(1, 5, "");

    public string FormatWhole(double value) => Format(value) + Suffix;

    /// <summary>The number without its unit; a zero has no sign.</summary>
    public string Format(double value) => double.IsFinite(value)
        ? (Math.Round(value * Scale, Decimals) + 0.0).ToString($"F{Decimals}", CultureInfo.InvariantCulture)
        : "none";
}
