using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Reports;

/// <summary>The picture of all trainings: one panel for each network and learning rate.</summary>
internal static class LearningCurves
{
    public static string Draw(IReadOnlyList<Result> results)
    {
        IEnumerable<Panel> panels = results.GroupBy(r => r.Experiment.GroupTitle).Select(ToPanel);
        return SvgChart.Draw("Test accuracy while training on 8x8 digits", [.. panels]);
    }

    private static Panel ToPanel(IGrouping<string, Result> group)
    {
        Axis steps = Axis.Linear(0, group.First().Experiment.Settings.Steps, "training steps");
        return new Panel(group.Key, steps, Axis.Percent(), [.. group.Select(ToSeries)]) { Goal = Comparison.GoodAccuracy };
    }

    private static Series ToSeries(Result result) => new(
        result.Experiment.Kind.DisplayName(),
        result.Experiment.Kind.Color(),
        [.. result.Run.Curve.Select(p => ((double)p.Step, p.Accuracy))]);
}
