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

    // 2⁻²³ of the scale of a float's error, a relative error for doubles.
    private static readonly double s_floatUnit = Math.ScaleB(1, -23);

    public static Precision Single { get; } = new("float", "2⁻²³", float.MaxValue, 3, 1, 2, 3e-7, Math.ScaleB(1, -24), 0);

    public static Precision Double { get; } = new("double", "relative", double.MaxValue, 1e-13, 1e-13, 1e-13, 1e-13, Math.ScaleB(1, -40), 1);

    private bool IsDouble => this == Double;

    public static Precision Of<T>() => typeof(T) == typeof(float) ? Single : Double;

    /// <summary>The unit of an output whose error is measured against this scale; no element has errors below the smallest one.</summary>
    public double OutputUnit(double scale) => IsDouble ? Math.Max(scale, double.Epsilon) : Math.Max(scale * s_floatUnit, float.Epsilon);

    /// <summary>The unit of a mean: 2⁻²³ of the deviation and an ulp of a float.</summary>
    public double MeanUnit(double mean, double deviation) =>
        IsDouble ? Math.Max(Math.Abs(mean), deviation) : (s_floatUnit * deviation) + UnitAt(Math.Abs(mean));

    /// <summary>The unit of a deviation or variance: two ulp of a float.</summary>
    public double DeviationUnit(double deviation) => IsDouble ? deviation : 2 * UnitAt(deviation);

    /// <summary>The unit of a value of this size that is stored as an element, which has a smallest ulp.</summary>
    public double StoredUnitAt(double magnitude) => Math.Max(UnitAt(magnitude), IsDouble ? double.Epsilon : float.Epsilon);

    /// <summary>The least norm of this many elements: below the smallest normal number there are no relative errors.</summary>
    public double NormFloor(int count) => IsDouble ? double.Epsilon : s_smallestNormal * Math.Sqrt(count);

    private static int ExponentOf(double magnitude) => magnitude == 0 ? -1000 : Math.ILogB(magnitude);

    private double UnitAt(double magnitude) => IsDouble ? magnitude : Math.ScaleB(1, ExponentOf(magnitude) - 23);
}
