using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims.Method;

/// <summary>Lines with the 95 % interval of the mean over the seeds as a band.</summary>
internal static class Lines
{
    public static Series Line(NormalizationKind kind, IEnumerable<(double X, Estimate Y)> points) =>
        Line(kind.DisplayName(), kind.Color(), points);

    public static Series Line(string name, string color, IEnumerable<(double X, Estimate Y)> points)
    {
        (double X, Estimate Y)[] all = [.. points];
        return new Series(name, color, [.. all.Select(p => new ChartPoint(p.X, p.Y.IsAllDiverged ? double.NaN : p.Y.Mean, p.Y.HalfWidth))])
        {
            Diverged = [.. all.Where(p => p.Y.IsAllDiverged).Select(p => p.X)],
        };
    }

    /// <summary>The accuracy at each learning rate that was tried, with a line for each contestant.</summary>
    public static Panel ByRate<TRun>(
        string title, IReadOnlyList<(string Name, string Color, Tuned<TRun> Tuned)> lines, Func<TRun, double> accuracy) => new(
        title,
        Axis.Logarithmic(lines.Min(l => l.Tuned.Sweep[0].Rate), lines.Max(l => l.Tuned.Sweep[^1].Rate), "learning rate"),
        Axis.Percent(),
        [.. lines.Select(l => Line(l.Name, l.Color, l.Tuned.Sweep.Select(s => (s.Rate, Estimate.Of(s.Runs, accuracy)))))]);

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
