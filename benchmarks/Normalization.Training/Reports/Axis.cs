namespace Normalization.Training.Reports;

/// <summary>How the numbers of an axis are written.</summary>
internal enum TickLabel
{
    Number,
    Percent,
    Power,
}

/// <summary>A scale from one number to another, linear or logarithmic, with the places of its ticks.</summary>
internal sealed record Axis(string Title, double Least, double Greatest, bool IsLogarithmic, TickLabel Label, IReadOnlyList<double> Ticks)
{
    private const int MostDecades = 8;

    public static Axis Linear(double least, double greatest, string title = "") =>
        new(title, least, greatest, false, TickLabel.Number, RoundTicks(least, greatest));

    /// <summary>Shares as percentages.</summary>
    public static Axis Percent(double least = 0, double greatest = 1) =>
        new("", least, greatest, false, TickLabel.Percent, RoundTicks(least, greatest));

    public static Axis Logarithmic(double least, double greatest, string title = "")
    {
        int first = (int)Math.Ceiling(Math.Log10(least) - 1e-9);
        int last = (int)Math.Floor(Math.Log10(greatest) + 1e-9);
        int every = 1 + (last - first) / MostDecades;
        double[] ticks = [.. Enumerable.Range(first, last - first + 1).Where(d => d % every == 0).Select(d => Math.Pow(10, d))];
        return new(title, least, greatest, true, TickLabel.Power, ticks);
    }

    /// <summary>A logarithmic axis with a tick at each of these numbers.</summary>
    public static Axis Logarithmic(IReadOnlyList<double> ticks, string title = "") =>
        new(title, ticks.Min(), ticks.Max(), true, TickLabel.Number, [.. ticks]);

    public string Format(double value) => Label switch
    {
        TickLabel.Percent => $"{Math.Round(value * 100, 8)} %",
        TickLabel.Power => FormatPower(value),
        _ => $"{Math.Round(value, 10)}",
    };

    /// <summary>Where a value lies, from 0 to 1; what lies outside the axis is drawn at its end.</summary>
    public double Position(double value) => Math.Clamp((Scale(value) - Scale(Least)) / (Scale(Greatest) - Scale(Least)), 0, 1);

    // The lower end of a band around a small number may lie below 0.
    private double Scale(double value) => IsLogarithmic ? Math.Log10(Math.Max(value, double.Epsilon)) : value;

    private static string FormatPower(double power)
    {
        int exponent = (int)Math.Round(Math.Log10(power));
        return exponent is >= -3 and <= 3 ? $"{power}" : "10" + string.Concat($"{exponent}".Select(Superscript));
    }

    private static char Superscript(char digit) => digit == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit - '0'];

    private static double[] RoundTicks(double least, double greatest)
    {
        double spacing = TickSpacing(greatest - least);
        int first = (int)Math.Ceiling(least / spacing - 1e-9);
        int last = (int)Math.Floor(greatest / spacing + 1e-9);
        return [.. Enumerable.Range(first, last - first + 1).Select(i => i * spacing)];
    }

    /// <summary>1, 2 or 5 times a power of ten, so that an axis has five to ten ticks.</summary>
    private static double TickSpacing(double length)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(length / 5)));
        double digit = length / 5 / power;
        return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
    }
}
