using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Reports;
using Spectre.Console;

namespace Normalization.Training;

/// <summary>The main job: trains both networks with every normalization and shows what each one bought.</summary>
internal static class CompareCommand
{
    public static void Run(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        CompareOptions options = CompareOptions.Parse(arguments);
        if (options.Help)
        {
            Console.Write(CompareOptions.HelpText);
            return;
        }

        OutputFile.EnsureWritable(options.OutputPath);
        ImageSet digits = options.DataPath is null ? DigitReader.ReadEmbedded() : DigitReader.Read(options.DataPath);
        (ImageSet train, ImageSet test) = digits.Split();
        var trainer = new Trainer(train, test);
        IReadOnlyList<Experiment> experiments = Comparison.Experiments(options.Seed, options.Quick);

        IAnsiConsole console = Terminal.Create();
        console.WriteLine(
            $"{experiments.Count} trainings on {train.Count} images of digits, tested on {test.Count} others (seed {options.Seed}).");
        Comparison.WarmUp(experiments, trainer, cancellation);
        IReadOnlyList<Result> results = ProgressDisplay.Run(
            console, experiments, (experiment, progress) => Comparison.Run(experiment, trainer, progress, cancellation));

        console.WriteLine();
        console.Write(ResultTable.Create(results));
        console.WriteLine("Time is that of the training steps, without the tests. InstanceNorm has no meaning in an MLP.");

        OutputFile.Write(options.OutputPath, LearningCurves.Draw(results));
        Console.WriteLine($"Learning curves: {Path.GetFullPath(options.OutputPath)}");
    }
}
