namespace Normalization.Training.Reports;

/// <summary>A scale from one number to another, with the places of its ticks.</summary>
internal sealed class Axis
{
    private const int MostDecades = 8;

    private readonly Func<double, double> _scale;
    private readonly double _least;
    private readonly double _greatest;
    private readonly Func<double, string> _format;

    private Axis(string title, double least, double greatest, Func<double, double> scale, double[] ticks, Func<double, string> format)
    {
        (Title, Ticks, _scale, _format) = (title, ticks, scale, format);
        (_least, _greatest) = (scale(least), scale(greatest));
    }

    public string Title { get; }

    public IReadOnlyList<double> Ticks { get; }

    public static Axis Linear(double least, double greatest, string title = "")
    {
        double spacing = TickSpacing(greatest - least);
        int first = (int)Math.Ceiling(least / spacing);
        int last = (int)Math.Floor(greatest / spacing + 1e-9);
        double[] ticks = [.. Enumerable.Range(first, last - first + 1).Select(i => i * spacing)];
        return new(title, least, greatest, x => x, ticks, x => $"{Math.Round(x, 10)}");
    }

    /// <summary>Shares as percentages.</summary>
    public static Axis Percent(double least = 0, double greatest = 1)
    {
        Axis linear = Linear(least, greatest);
        return new("", least, greatest, x => x, [.. linear.Ticks], x => $"{Math.Round(x * 100, 8)} %");
    }

    public static Axis Logarithmic(double least, double greatest, string title = "")
    {
        int first = (int)Math.Ceiling(Math.Log10(least) - 1e-9);
        int last = (int)Math.Floor(Math.Log10(greatest) + 1e-9);
        int every = 1 + (last - first) / MostDecades;
        double[] ticks = [.. Enumerable.Range(first, last - first + 1).Where(d => d % every == 0).Select(d => Math.Pow(10, d))];
        return new(title, least, greatest, Logarithm, ticks, FormatPower);
    }

    /// <summary>A logarithmic axis with a tick at each of these numbers.</summary>
    public static Axis Logarithmic(IReadOnlyList<double> ticks, string title = "") =>
        new(title, ticks.Min(), ticks.Max(), Logarithm, [.. ticks], x => $"{x}");

    public string Format(double value) => _format(value);

    /// <summary>Where a value lies, from 0 to 1; what lies outside the axis is drawn at its end.</summary>
    public double Position(double value) => Math.Clamp((_scale(value) - _least) / (_greatest - _least), 0, 1);

    // The lower end of a band around a small number may lie below 0.
    private static double Logarithm(double value) => Math.Log10(Math.Max(value, double.Epsilon));

    private static string FormatPower(double power)
    {
        int exponent = (int)Math.Round(Math.Log10(power));
        return exponent is >= -3 and <= 3 ? $"{power}" : "10" + string.Concat($"{exponent}".Select(Superscript));
    }

    private static char Superscript(char digit) => digit == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit - '0'];

    /// <summary>1, 2 or 5 times a power of ten, so that an axis has five to ten ticks.</summary>
    private static double TickSpacing(double length)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(length / 5)));
        double digit = length / 5 / power;
        return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
    }
}
