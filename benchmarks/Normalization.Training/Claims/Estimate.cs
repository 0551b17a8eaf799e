using System.Globalization;
using MathNet.Numerics.Statistics;

namespace Normalization.Training.Claims;

/// <summary>The mean over the seeds and their standard deviation.</summary>
internal readonly record struct Estimate(double Mean, double Deviation)
{
    public static Estimate Of(IEnumerable<double> values)
    {
        double[] all = [.. values];
        (double mean, double deviation) = all.MeanStandardDeviation();
        return new Estimate(mean, all.Length > 1 ? deviation : 0);
    }

    public static Estimate Of<T>(IEnumerable<T> runs, Func<T, double> value) => Of(runs.Select(value));

    public string Format(Unit unit) => $"{unit.Format(Mean)} ± {unit.Format(Deviation)}{unit.Suffix}";
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

    public string FormatWhole(double value) => Format(value) + Suffix;

    public string Format(double value) => double.IsFinite(value) ? (value * Scale).ToString($"F{Decimals}", CultureInfo.InvariantCulture) : "none";
}
