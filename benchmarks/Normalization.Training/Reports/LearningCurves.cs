using Normalization.Training.Data;
using Normalization.Training.Experiments;
using Normalization.Training.Networks;

namespace Normalization.Training.Reports;

/// <summary>The picture of all trainings: one panel for each network and learning rate.</summary>
internal static class LearningCurves
{
    public static string Draw(IReadOnlyList<Result> results, DataSource data)
    {
        IEnumerable<Panel> panels = results.GroupBy(r => r.Experiment.GroupTitle).Select(group => ToPanel(group, data));
        return SvgChart.Draw($"Test accuracy while training on {data.Name}", [.. panels]);
    }

    private static Panel ToPanel(IGrouping<string, Result> group, DataSource data)
    {
        Axis steps = Axis.Linear(0, group.First().Experiment.Settings.Steps, "training steps");
        return new Panel(group.Key, steps, Axis.Percent(), [.. group.Select(ToSeries)]) { Goal = data.Good };
    }

    private static Series ToSeries(Result result) => new(
        result.Experiment.Kind.DisplayName(),
        result.Experiment.Kind.Color(),
        [.. result.Run.Curve.Select(p => new ChartPoint(p.Step, p.Accuracy))])
    {
        Diverged = result.Run.Diverged ? [result.Run.Curve[^1].Step] : [],
    };
}
