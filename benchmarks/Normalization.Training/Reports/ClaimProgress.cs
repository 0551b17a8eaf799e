using System.Diagnostics;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Spectre.Console;

namespace Normalization.Training.Reports;

/// <summary>Tests one claim; it is told how many trainings are to come, and when one of them is done.</summary>
internal delegate ClaimResult ClaimTest(IClaim claim, Action<int> announce, Action finished);

/// <summary>Shows how far the claims are: a line for each that is done and, in a terminal, a bar for the one that runs.</summary>
internal static class ClaimProgress
{
    public static IReadOnlyList<ClaimResult> Run(IAnsiConsole console, IReadOnlyList<IClaim> claims, ClaimTest test)
    {
        if (!console.IsLive())
            return [.. claims.Select((claim, i) => RunPlain(console, i, claims, test))];

        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .Start(context =>
            {
                ProgressTask all = context.AddTask("all claims", maxValue: claims.Count);
                return claims.Select((claim, i) =>
                {
                    ProgressTask one = context.AddTask(claim.Name, maxValue: 1);
                    int total = 0;
                    ClaimResult result =
                        RunOne(console, i, claims, () => test(claim, count => one.MaxValue = total += count, () => one.Increment(1)));
                    one.StopTask();
                    all.Increment(1);
                    return result;
                }).ToArray();
            });
    }

    private static ClaimResult RunPlain(IAnsiConsole console, int index, IReadOnlyList<IClaim> claims, ClaimTest test)
    {
        int total = 0, done = 0;
        using var heartbeat = new Heartbeat(console.WriteLine, () => $"        {claims[index].Name}: {done} of {total} trainings");
        return RunOne(console, index, claims, () => test(claims[index], count => total += count, () => Interlocked.Increment(ref done)));
    }

    private static ClaimResult RunOne(IAnsiConsole console, int index, IReadOnlyList<IClaim> claims, Func<ClaimResult> run)
    {
        var clock = Stopwatch.StartNew();
        ClaimResult result = run();
        console.WriteLine(
            $"[{index + 1,2}/{claims.Count}] {claims[index].Name}: {result.Verdict.DisplayName()}; {result.Outcome.KeyFigure} "
            + $"({clock.Elapsed.TotalSeconds:F0} s)");
        return result;
    }
}
