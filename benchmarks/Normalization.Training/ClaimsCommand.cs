using System.Diagnostics;
using Normalization.Training.Claims;
using Normalization.Training.Reports;
using Spectre.Console;

namespace Normalization.Training;

/// <summary>Puts what is said of normalization to the test, and writes a report.</summary>
internal static class ClaimsCommand
{
    public static void Run(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        ClaimsOptions options = ClaimsOptions.Parse(arguments);
        if (options.Help)
        {
            Console.Write(ClaimsOptions.HelpText);
            return;
        }

        var folder = new ReportFolder(options.OutputFolder);
        folder.EnsureWritable();
        ClaimData data = options.FashionPath is null ? ClaimData.Digits() : ClaimData.FashionMnist(options.FashionPath);

        // The work is spread over the trainings; each of them stays on its thread.
        NormalizationParallelism.MaxDegree = 1;
        IAnsiConsole console = Terminal.Create();
        string setup =
            $"{data.Name}: {data.Train.Count} images to learn from, {data.Validation.Count} to choose settings by, {data.Test.Count} to report; "
            + $"{options.Seeds} seeds{(options.Quick ? ", a few steps only" : "")}. An accuracy of {data.Good:P0} counts as good, one of {data.Fair:P0} as fair.";
        console.WriteLine(setup);
        var clock = Stopwatch.StartNew();
        IReadOnlyList<ClaimResult> results = ClaimProgress.Run(
            console, options.Claims, (claim, announce, finished) => Test(claim, data, options, announce, finished, cancellation));
        string time = $"It took {clock.Elapsed.TotalSeconds:F0} s, and {Environment.CpuUsage.TotalTime.TotalSeconds:F0} s of processor time, on {Environment.ProcessorCount} processors.";

        console.WriteLine();
        console.Write(ClaimTable.Create(results));
        Console.WriteLine(time);
        Console.WriteLine($"Report: {folder.Write(results, setup, time)}");
    }

    private static ClaimResult Test(
        IClaim claim, ClaimData data, ClaimsOptions options, Action<int> announce, Action finished, CancellationToken cancellation)
    {
        Outcome outcome = claim.Run(new Laboratory(data, options.Seeds, options.Quick, announce, finished, cancellation));
        bool isJudged = !options.Quick && options.Seeds >= ClaimsOptions.FewestSeeds;
        return new ClaimResult(claim, outcome, isJudged ? Verdicts.Of(outcome.Findings) : Verdict.NotJudged);
    }
}
