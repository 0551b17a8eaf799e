using Normalization.Training.Data;
using Normalization.Training.Experiments;
using Spectre.Console;

namespace Normalization.Training.Reports;

/// <summary>The table and the picture of data-parallel training.</summary>
internal static class DistributedReport
{
    private const double SameLoss = 1e-5;

    public static Table Table(IReadOnlyList<DistributedResult> results)
    {
        Table table = new Table()
            .AddColumn("Network")
            .AddColumn(new TableColumn("Images\na rank").RightAligned())
            .AddColumn(new TableColumn("Statistics").NoWrap())
            .AddColumn(new TableColumn("Loss at\nthe end").RightAligned())
            .AddColumn(new TableColumn("Farthest\nfrom one\nprocess").RightAligned())
            .AddColumn(new TableColumn("Test\naccuracy").RightAligned())
            .AddColumn(new TableColumn("Time").RightAligned());
        table.Border = TableBorder.Square;
        foreach (IGrouping<string, DistributedResult> group in Groups(results))
        {
            if (table.Rows.Count > 0)
                table.AddEmptyRow();

            foreach (DistributedResult result in group)
            {
                table.AddRow(
                    result.Experiment.Network,
                    $"{result.Experiment.ImagesPerRank}",
                    result.Experiment.Name,
                    $"{result.FinalLoss:F4}",
                    result.Experiment.Parallelism == Parallelism.OneProcess ? "-" : $"{result.LargestDifference(group.First()):0.0E+0}",
                    $"{result.Accuracy:P1}",
                    $"{result.Time.TotalSeconds:F2} s");
            }
        }

        return table;
    }

    public static string Summary(IReadOnlyList<DistributedResult> results)
    {
        double farthest = Groups(results).Max(group =>
            group.First(r => r.Experiment.Parallelism == Parallelism.Synchronized).LargestDifference(group.First()));
        return $"Synchronised, every loss of every step is {(farthest <= SameLoss ? "" : "NOT ")}within {SameLoss:0E+0} of one process ({farthest:0.0E+0}).";
    }

    public static string Draw(IReadOnlyList<DistributedResult> results, int ranks, DataSource data)
    {
        IEnumerable<Panel> panels = Groups(results).Select(group => ToPanel(group, data));
        return SvgChart.Draw($"Test accuracy of BatchNorm over {ranks} ranks", [.. panels]);
    }

    private static Panel ToPanel(IGrouping<string, DistributedResult> group, DataSource data)
    {
        Axis steps = Axis.Linear(0, group.First().Experiment.Settings.Steps, "training steps");
        return new Panel(group.Key, steps, Axis.Percent(), [.. group.OrderByDescending(r => r.Experiment.Parallelism).Select(ToSeries)])
        {
            Goal = data.Good,
        };
    }

    private static IEnumerable<IGrouping<string, DistributedResult>> Groups(IReadOnlyList<DistributedResult> results) =>
        results.GroupBy(r => r.Experiment.GroupTitle);

    private static Series ToSeries(DistributedResult result) => new(
        result.Experiment.Name, ColorOf(result.Experiment.Parallelism), [.. result.Curve.Select(p => new ChartPoint(p.Step, p.Accuracy))]);

    private static string ColorOf(Parallelism parallelism) => parallelism switch
    {
        Parallelism.OneProcess => Palette.Grey,
        Parallelism.Synchronized => Palette.Blue,
        Parallelism.Separate => Palette.Vermilion,
        _ => throw new ArgumentOutOfRangeException(nameof(parallelism)),
    };
}
