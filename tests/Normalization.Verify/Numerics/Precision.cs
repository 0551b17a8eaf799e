namespace Normalization.Verify.Numerics;

/// <summary>The promises about one element type, and the units they are measured in.</summary>
internal sealed record Precision(
    string Name,
    string Unit,
    double Largest,
    double OutputLimit,
    double StatisticsLimit,
    double RunningLimit,
    double GradientLimit,
    double GradientFloor,
    double DeviationFloor)
{
    private static readonly double s_smallestNormal = Math.ScaleB(1, -126);

    // float counts in units in the last place of a float. double has relative errors, and an element less than a deviation from
    // its mean counts as a deviation away: no wider type is there to keep what the mean itself is off by.
    public static Precision Single { get; } = new("float", "ulp", float.MaxValue, 3, 1, 2, 2e-7, GradientFloor: Math.ScaleB(1, -24), DeviationFloor: 0);

    public static Precision Double { get; } = new("double", "relative", double.MaxValue, 1e-13, 1e-13, 1e-13, 1e-13, GradientFloor: 1, DeviationFloor: 1);

    public static Precision Of<T>() => typeof(T) == typeof(float) ? Single : Double;

    /// <summary>What an error is divided by: an ulp of a float of this size, or the size itself.</summary>
    public double UnitAt(double magnitude) => this == Double ? magnitude : Math.ScaleB(1, ExponentOf(magnitude) - 23);

    /// <summary>The same for a value that is stored as an element, which has a smallest ulp.</summary>
    public double StoredUnitAt(double magnitude) =>
        Math.Max(UnitAt(magnitude), this == Double ? double.Epsilon : float.Epsilon);

    /// <summary>The least norm of this many elements: below the smallest normal number there are no relative errors.</summary>
    public double NormFloor(int count) => this == Double ? 0 : s_smallestNormal * Math.Sqrt(count);

    private static int ExponentOf(double magnitude) => magnitude == 0 ? -1000 : Math.ILogB(magnitude);
}
