namespace Normalization.Training.Learning;

/// <summary>What one training gave: the test accuracy along the way and where the time went.</summary>
internal sealed record TrainingRun(IReadOnlyList<CurvePoint> Curve, bool Diverged, TimeSpan Time, TimeSpan NormalizationTime) : IRun
{
    /// <summary>The accuracy in the end; a network that diverged recognizes nothing.</summary>
    public double Accuracy => Diverged ? 0 : Curve[^1].Accuracy;

    /// <summary>The first tested step at which the accuracy was reached, null if it never was.</summary>
    public int? StepsTo(double accuracy) => Curve.Where(p => p.Accuracy >= accuracy).Select(p => (int?)p.Step).FirstOrDefault();
}

/// <summary>The share of test images recognised after so many training steps.</summary>
internal readonly record struct CurvePoint(int Step, double Accuracy);
