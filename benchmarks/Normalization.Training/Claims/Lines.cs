using Normalization.Training.Learning;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

/// <summary>Lines with a band of one standard deviation over the seeds.</summary>
internal static class Lines
{
    public static Series Line(string name, string color, IEnumerable<(double X, Estimate Y)> points)
    {
        (double X, Estimate Y)[] all = [.. points];
        return new Series(name, color, [.. all.Select(p => (p.X, p.Y.Mean))]) { Deviations = [.. all.Select(p => p.Y.Deviation)] };
    }

    /// <summary>The mean accuracy after so many steps; a run that broke off keeps its last one.</summary>
    public static IEnumerable<(double X, Estimate Y)> MeanCurve(IReadOnlyList<TrainingRun> runs) => runs
        .MaxBy(run => run.Curve.Count)!.Curve
        .Select((point, i) => ((double)point.Step, Estimate.Of(runs, run => run.Curve[Math.Min(i, run.Curve.Count - 1)].Accuracy)));
}
