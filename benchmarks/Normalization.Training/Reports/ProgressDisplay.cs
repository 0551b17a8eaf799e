using Normalization.Training.Experiments;
using Spectre.Console;

namespace Normalization.Training.Reports;

/// <summary>Shows how far the experiments are: one line for each that is done and, in a terminal, a bar for all of them.</summary>
internal static class ProgressDisplay
{
    public static IReadOnlyList<Result> Run(
        IAnsiConsole console, IReadOnlyList<Experiment> experiments, Func<Experiment, Action<int>, Result> run)
    {
        if (!console.IsLive())
        {
            string state = "";
            using var heartbeat = new Heartbeat(console.WriteLine, () => state);
            return RunAll(console, experiments, run, (experiment, _) => state = $"        {experiment.Title} ...");
        }

        int total = experiments.Sum(e => e.Settings.Steps);
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .Start(context =>
            {
                ProgressTask bar = context.AddTask("training", maxValue: total);
                return RunAll(console, experiments, run, (experiment, steps) =>
                {
                    bar.Description = Markup.Escape(experiment.Title);
                    bar.Value = steps;
                });
            });
    }

    private static List<Result> RunAll(
        IAnsiConsole console, IReadOnlyList<Experiment> experiments, Func<Experiment, Action<int>, Result> run,
        Action<Experiment, int> show)
    {
        var results = new List<Result>();
        int before = 0;
        foreach (Experiment experiment in experiments)
        {
            show(experiment, before);
            Result result = run(experiment, steps => show(experiment, before + steps));
            results.Add(result);
            before += experiment.Settings.Steps;
            console.WriteLine($"[{results.Count,2}/{experiments.Count}] {experiment.Title}: {result.Run.Accuracy:P1}");
        }

        return results;
    }
}
