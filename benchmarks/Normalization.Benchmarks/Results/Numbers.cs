namespace Normalization.Benchmarks.Results;

/// <summary>Numbers as the page shows them.</summary>
internal static class Numbers
{
    public static string Time(double us) => us switch
    {
        < 10 => $"{us:F2}",
        < 1000 => $"{us:F1}",
        _ => $"{us:F0}",
    };

    /// <summary>The geometric mean of the finite ones, or a dash where there is none.</summary>
    public static string Mean(IEnumerable<double> values)
    {
        double[] finite = [.. values.Where(double.IsFinite)];
        return finite.Length == 0 ? "-" : $"{GeometricMean(finite):F2}";
    }

    public static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
