using Normalization.Training.Data;
using Normalization.Training.Experiments;
using Normalization.Training.Learning;
using Normalization.Training.Reports;
using Spectre.Console;

namespace Normalization.Training.Commands;

/// <summary>The main job: trains both networks with every normalization and shows what each one bought.</summary>
internal static class CompareCommand
{
    private const string PictureName = "training.svg";

    public static string HelpText =>
        $"""
        Commands (without one: compare):

          compare        trains a small convolutional network and a deep sigmoid perceptron (MLP) on images,
                         without normalization and with the layers of this library, at a small and a large
                         learning rate; prints a table and draws the learning curves ({PictureName})
          claims         puts what is said of normalization to the test; 'claims --help' has more
          distributed    trains over several ranks; 'distributed --help' has more
          report         writes the page of the claims and the table of the documentation from committed results

        Options of compare:
        {CommonOptions.HelpText}

        {CommonOptions.ExitCodes}
        """;

    public static void Run(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        CommonOptions options = CommonOptions.Parse(arguments, TrainingCommands.Names, _ => false);
        if (options.Help)
        {
            Console.Write(HelpText);
            return;
        }

        OutputFile.CreateFolder(options.Folder);
        string picture = Path.Combine(options.Folder, PictureName);
        OutputFile.EnsureWritable(picture);
        DataSource data = DataSource.Load(options.Data);
        var trainer = new Trainer(data.Train, data.Test);
        IReadOnlyList<Experiment> experiments = Comparison.Experiments(data.Train.Side, options.Seed, options.Quick);

        IAnsiConsole console = Terminal.Create();
        console.WriteLine(
            $"{experiments.Count} trainings on {data.Train.Count} images ({data.Name}), tested on {data.Test.Count} others (seed "
            + $"{options.Seed}).");
        Comparison.WarmUp(experiments, trainer, cancellation);
        IReadOnlyList<Result> results = ProgressDisplay.Run(
            console, experiments, (experiment, progress) => Comparison.Run(experiment, trainer, progress, cancellation));

        console.WriteLine();
        console.Write(ResultTable.Create(results, data.Good));
        Console.WriteLine("Time is that of the training steps, without the tests. InstanceNorm has no meaning in an MLP.");

        OutputFile.Write(picture, LearningCurves.Draw(results, data));
        Console.WriteLine($"Learning curves: {Path.GetFullPath(picture)}");
    }
}
