using Normalization.Mpi;
using Normalization.Training.Data;
using Normalization.Training.Experiments;
using Normalization.Training.Reports;
using Spectre.Console;

namespace Normalization.Training.Commands;

/// <summary>Data-parallel training with and without synchronised batch statistics, beside one process with the whole batch.</summary>
internal static class DistributedCommand
{
    public static void Run(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        DistributedOptions options = DistributedOptions.Parse(arguments);
        if (options.Common.Help)
        {
            Console.Write(DistributedOptions.HelpText);
            return;
        }

        if (MpiCollective.IsLaunched && options.Ranks is not null)
            throw new UsageException("--ranks is for threads; mpirun has its own number of ranks");

        OutputFile.CreateFolder(options.Common.Folder);
        OutputFile.EnsureWritable(options.PicturePath);
        DataSource data = DataSource.Load(options.Common.Data);
        var trainer = new DistributedTrainer(data.Train, data.Test);
        if (MpiCollective.IsLaunched)
        {
            MpiCollective ranks = MpiCollective.Initialize();
            Train(ranks, $"processes on {ranks.Library}", trainer, data, options, cancellation);
            return;
        }

        try
        {
            InMemoryCollective.Run(
                options.Ranks ?? DistributedOptions.DefaultRanks, ranks => Train(ranks, "threads", trainer, data, options, cancellation));
        }
        catch (AggregateException e) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException("A rank was stopped.", e, cancellation);
        }
    }

    /// <summary>What one rank does; the first one also shows it.</summary>
    private static void Train(
        ICollective ranks, string kind, DistributedTrainer trainer, DataSource data, DistributedOptions options,
            CancellationToken cancellation)
    {
        IReadOnlyList<DistributedExperiment> experiments =
            DistributedExperiment.All(ranks.Size, data.Train.Side, options.Common.Seed, options.Common.Quick);
        if (ranks.Rank > 0)
        {
            foreach (DistributedExperiment experiment in experiments)
                trainer.Run(experiment, ranks, _ => { }, cancellation);
            return;
        }

        IAnsiConsole console = Terminal.Create();
        console.WriteLine($"{experiments.Count} trainings over {ranks.Size} {kind} (seed {options.Common.Seed}).");
        IReadOnlyList<DistributedResult> results = console.IsLive()
            ? console.Progress().AutoClear(true).Start(context =>
            {
                ProgressTask bar = context.AddTask("training", maxValue: experiments.Sum(e => e.Settings.Steps));
                return RunAll(console, experiments, trainer, ranks, () => bar.Increment(1), cancellation);
            })
            : RunAll(console, experiments, trainer, ranks, () => { }, cancellation);

        console.WriteLine();
        console.Write(DistributedReport.Table(results));
        console.WriteLine(DistributedReport.Summary(results));
        OutputFile.Write(options.PicturePath, DistributedReport.Draw(results, ranks.Size, data));
        Console.WriteLine($"Learning curves: {Path.GetFullPath(options.PicturePath)}");
    }

    private static List<DistributedResult> RunAll(
        IAnsiConsole console, IReadOnlyList<DistributedExperiment> experiments, DistributedTrainer trainer, ICollective ranks,
        Action progress, CancellationToken cancellation)
    {
        var results = new List<DistributedResult>();
        using Heartbeat? heartbeat = console.IsLive()
            ? null
            : new Heartbeat(console.WriteLine, () => $"        {experiments[Math.Min(results.Count, experiments.Count - 1)].Title} ...");
        foreach (DistributedExperiment experiment in experiments)
        {
            results.Add(trainer.Run(experiment, ranks, _ => progress(), cancellation));
            console.WriteLine($"[{results.Count,2}/{experiments.Count}] {experiment.Title}: {results[^1].Accuracy:P1}");
        }

        return results;
    }
}
