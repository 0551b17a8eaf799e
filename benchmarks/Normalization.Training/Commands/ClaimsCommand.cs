using System.Diagnostics;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Reports;
using Spectre.Console;

namespace Normalization.Training.Commands;

/// <summary>Puts what is said of normalization to the test, and writes a report.</summary>
internal static class ClaimsCommand
{
    public static void Run(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        ClaimsOptions options = ClaimsOptions.Parse(arguments);
        if (options.Common.Help)
        {
            Console.Write(ClaimsOptions.HelpText);
            return;
        }

        var store = new ResultStore(options.Common.Folder);
        store.EnsureWritable();
        ClaimData data = ClaimData.Of(DataSource.Load(options.Common.Data));

        // The work is spread over the trainings; each of them stays on its thread.
        NormalizationParallelism.MaxDegree = 1;
        IAnsiConsole console = Terminal.Create();
        console.WriteLine($"{data.Describe()}{(options.Common.Quick ? "; a few steps only" : "")}.");
        var clock = Stopwatch.StartNew();
        IReadOnlyList<ClaimResult> results = ClaimProgress.Run(console, options.Claims, (claim, announce, finished) =>
        {
            ClaimResult result = Test(claim, data, options, announce, finished, cancellation);
            store.Save(result);
            store.WritePicture(result);
            store.WritePage();
            return result;
        });

        console.WriteLine();
        console.Write(ClaimTable.Create(results));
        Console.WriteLine(
            $"It took {clock.Elapsed.TotalSeconds:F0} s, and {Environment.CpuUsage.TotalTime.TotalSeconds:F0} s of processor time, "
            + $"on {Environment.ProcessorCount} processors.");
        Console.WriteLine($"Report: {Path.GetFullPath(store.PagePath)}");
    }

    private static ClaimResult Test(
        IClaim claim, ClaimData data, ClaimsOptions options, Action<int> announce, Action finished, CancellationToken cancellation)
    {
        int seeds = options.SeedsOf(claim);
        var laboratory =
            new Laboratory(data, seeds, options.Common.Quick, announce, finished, cancellation) { FirstSeed = options.Common.Seed };
        Outcome outcome = claim.Run(laboratory);
        bool isJudged = !options.Common.Quick && seeds >= ClaimsOptions.FewestSeeds;
        return new ClaimResult(claim.Name, data.Describe(), seeds, isJudged ? Verdicts.Of(outcome.Findings) : Verdict.NotJudged, outcome);
    }
}
