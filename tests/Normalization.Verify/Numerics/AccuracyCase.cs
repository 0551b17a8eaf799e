namespace Normalization.Verify.Numerics;

/// <summary>What the gradient of the output has to do with the input.</summary>
internal enum OutputGradientKind
{
    /// <summary>Nothing.</summary>
    Random,

    /// <summary>dy = y, which goes with x̂ and leaves next to nothing of dx.</summary>
    Output,

    /// <summary>dy = 2 · (y - x), that of a loss of squares.</summary>
    Difference,

    /// <summary>Random values beside a large common part.</summary>
    Common,
}

/// <summary>Powers of two that a case is multiplied by.</summary>
internal sealed record Scales(int Input = 0, int Weight = 0, int Bias = 0, int OutputGradient = 0);

/// <summary>One layer on one tensor.</summary>
internal sealed record AccuracyCase(
    Geometry Geometry,
    Distribution Distribution,
    double Epsilon,
    bool Affine,
    bool Fixed = false,
    OutputGradientKind OutputGradient = OutputGradientKind.Random,
    Scales? Scales = null)
{
    public string Layer => Fixed ? $"{Geometry.Kind} eval" : $"{Geometry.Kind}";

    public override string ToString() =>
        $"{Geometry}{(Fixed ? " eval" : "")}{(Affine ? "" : " without affine")}, {Distribution.Name}, epsilon {Epsilon:g}, dy {OutputGradient}{(Scales is null ? "" : $", {Scales}")}";
}

/// <summary>How far the layer was from the exact results, in the units of <see cref="Precision"/>.</summary>
internal sealed record Measurement(AccuracyCase Case, Precision Precision)
{
    public double Output { get; set; }

    /// <summary>Gets or sets the same for PyTorch's formulas with PyTorch's defaults; infinite where they overflow.</summary>
    public double Peer { get; set; }

    public double Statistics { get; set; }

    public double Running { get; set; }

    public double InputGradient { get; set; }

    public double ParameterGradient { get; set; }

    public List<string> Broken { get; } = [];

    public void Judge()
    {
        Limit("output", Output, Precision.OutputLimit);
        Limit("statistics", Statistics, Precision.StatisticsLimit);
        Limit("running statistics", Running, Precision.RunningLimit);
        Limit("input gradient", InputGradient, Precision.GradientLimit);
        Limit("parameter gradient", ParameterGradient, Precision.GradientLimit);
    }

    private void Limit(string what, double value, double limit)
    {
        if (!(value <= limit))
            Broken.Add($"{what} {value:g3} > {limit:g3}");
    }
}
