using Normalization.Training.Learning;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

/// <summary>Lines with the 95 % interval of the mean over the seeds as a band.</summary>
internal static class Lines
{
    public static Series Line(string name, string color, IEnumerable<(double X, Estimate Y)> points)
    {
        (double X, Estimate Y)[] all = [.. points];
        return new Series(name, color, [.. all.Select(p => new ChartPoint(p.X, p.Y.IsAllDiverged ? double.NaN : p.Y.Mean, p.Y.HalfWidth))])
        {
            Diverged = [.. all.Where(p => p.Y.IsAllDiverged).Select(p => p.X)],
        };
    }

    /// <summary>The mean accuracy after so many steps; a run that broke off recognizes nothing from there on.</summary>
    public static IEnumerable<(double X, Estimate Y)> MeanCurve(IReadOnlyList<TrainingRun> runs) => runs
        .MaxBy(run => run.Curve.Count)!.Curve
        .Select((point, i) => ((double)point.Step, At(runs, i)));

    private static Estimate At(IReadOnlyList<TrainingRun> runs, int index) =>
        Estimate.Of(runs.Select(run => index < run.Curve.Count ? run.Curve[index].Accuracy : 0)) with
        {
            Diverged = runs.Count(run => index >= run.Curve.Count),
        };
}
