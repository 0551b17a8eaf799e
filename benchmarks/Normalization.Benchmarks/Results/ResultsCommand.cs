using Normalization.Programs;

namespace Normalization.Benchmarks.Results;

/// <summary>The <c>results</c> command: measures, or reads what was measured, and writes the page and the picture.</summary>
internal static class ResultsCommand
{
    public const string Synopsis = $"{ComparisonPlan.Synopsis} [--data FILE] [--output DIR]";
    private const string Page = "RESULTS.md", Picture = "speed.svg", Usual = "benchmarks", Timings = "artifacts";

    private static readonly string s_timings = Path.Combine(Timings, TimingFile.Name);

    public static string Description =>
        $"""
        all of peers with two threads and one, each with all instructions and with AVX2, as a page ({Page}) and a picture ({Picture})
        {ComparisonPlan.Description}
        --data: the file that peers or an interrupted run ({s_timings}) has written, instead of measuring
        --output: the folder, {Usual} unless it is named
        """;

    /// <summary>Runs the command and returns the exit code.</summary>
    public static int Run(Options options, IReadOnlyList<IContender> contenders)
    {
        var plan = ComparisonPlan.Read(options, threads: "2,1");
        (string? data, string folder) = (options.Text("--data"), options.Text("--output") ?? Usual);
        options.RejectUnknown();
        OutputFolder.Require(folder);
        if (data is not null && !File.Exists(data))
            throw new UsageException($"there is no file '{data}'");
        if (data is null && Measure(plan, contenders) is var exitCode and not 0)
            return exitCode;
        (MeasuredRun[] runs, Timing[] timings) = TimingFile.Read(data ?? s_timings);
        if (timings.Length == 0)
            throw new UsageException($"'{data ?? s_timings}' holds no timing");
        File.WriteAllText(Path.Combine(folder, Page), ResultPage.Write(runs, timings));
        File.WriteAllText(Path.Combine(folder, Picture), SpeedPicture.Draw(timings, timings.Max(t => t.Threads)));
        Console.WriteLine($"wrote {Path.Combine(folder, Page)} and {Path.Combine(folder, Picture)}");
        return 0;
    }

    /// <summary>Measures with all instructions in this process, and with AVX2 in a process that has no others.</summary>
    private static int Measure(ComparisonPlan plan, IReadOnlyList<IContender> contenders)
    {
        Directory.CreateDirectory(Timings);
        if (!plan.Continues)
            File.Delete(s_timings);
        Console.WriteLine($"The timings are written to {s_timings} case by case. After an interruption, --continue measures what is missing, and --data {s_timings} makes the page of what is there.");
        bool avx2Apart = Instructions.NeedOwnProcess(Instructions.Avx2);
        if (!(avx2Apart && plan.Instructions == Instructions.Avx2))
            PeerComparison.Measure(contenders, plan, s_timings);
        ComparisonPlan narrow = plan with { Instructions = Instructions.Avx2 };
        return avx2Apart ? Instructions.RunAgain([PeerComparison.Name, .. narrow.Arguments, "--output", Timings]) : 0;
    }
}
