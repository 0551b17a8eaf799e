using Normalization.Training.Experiments;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Spectre.Console;

namespace Normalization.Training.Reports;

internal static class ResultTable
{
    private const string NotApplicable = "-";

    public static Table Create(IReadOnlyList<Result> results, double good)
    {
        Table table = new Table()
            .AddColumn("Network")
            .AddColumn(new TableColumn("Rate").RightAligned())
            .AddColumn("Layer")
            .AddColumn(new TableColumn("Test\naccuracy").RightAligned())
            .AddColumn(new TableColumn($"Steps to\n{good:P0}").RightAligned())
            .AddColumn(new TableColumn("Time").RightAligned())
            .AddColumn(new TableColumn("In norm.\nlayers").RightAligned());
        table.Border = TableBorder.Square;

        foreach (IGrouping<string, Result> group in results.GroupBy(r => r.Experiment.GroupTitle))
        {
            if (table.Rows.Count > 0)
                table.AddEmptyRow();

            Experiment any = group.First().Experiment;
            foreach (NormalizationKind kind in Enum.GetValues<NormalizationKind>())
            {
                Result? result = group.FirstOrDefault(r => r.Experiment.Kind == kind);
                string[] cells = result is null ? [.. Enumerable.Repeat(NotApplicable, 4)] : Cells(result.Run, good);
                table.AddRow([any.Network, $"{any.Settings.LearningRate}", kind.DisplayName(), .. cells]);
            }
        }

        return table;
    }

    private static string[] Cells(TrainingRun run, double good) =>
    [
        run.Diverged ? "diverged" : $"{run.Accuracy:P1}",
        run.StepsTo(good) is { } steps ? $"{steps}" : "never",
        $"{run.Time.TotalSeconds:F2} s",
        run.NormalizationTime == TimeSpan.Zero
            ? NotApplicable
            : $"{run.NormalizationTime.TotalSeconds:F2} s{run.NormalizationTime / run.Time,6:P0}",
    ];
}
