using System.Diagnostics;
using Normalization.Benchmarks.Results;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>The <c>peers</c> command: this library, its peers and the memory limit, interleaved in rounds within one run.</summary>
internal static class PeerComparison
{
    public const string Name = "peers";

    public const string Synopsis = $"{ComparisonPlan.Synopsis} [--output DIR]";

    // A line of progress on the error stream after each tenth case: the table has a line for each.
    private const int ProgressStep = 10;

    public static string Description =>
        $"""
        this library beside other libraries and the memory limit, in one run
        {ComparisonPlan.Description}
        --output: the folder for the timings ({TimingFile.Name}), which results --data reads; they are added to those that are there
        """;

    /// <summary>Runs the command and returns the exit code.</summary>
    public static int Run(Options options, IReadOnlyList<IContender> contenders)
    {
        var plan = ComparisonPlan.Read(options, threads: "2");
        string? folder = options.Text("--output");
        options.RejectUnknown();
        if (folder is not null)
            OutputFolder.Require(folder);
        if (Instructions.NeedOwnProcess(plan.Instructions))
            return Instructions.RunAgain([Name, .. options.All]);
        Measure(contenders, plan, folder is null ? null : Path.Combine(folder, TimingFile.Name));
        return 0;
    }

    /// <summary>Measures, prints a table for each number of threads, and adds the timings to a file if one is named.</summary>
    public static void Measure(IReadOnlyList<IContender> contenders, ComparisonPlan plan, string? path)
    {
        using TimingFile? file = path is null ? null : TimingFile.Append(path);
        foreach (int threads in plan.Threads)
        {
            ComparisonCase[] cases = [.. plan.Cases.Where(c => !(plan.Continues && file?.Has(c, threads, plan.Instructions) == true))];
            if (cases.Length > 0)
                Compare(cases, contenders, threads, plan, file);
        }
    }

    private static void Compare(
        ComparisonCase[] cases, IReadOnlyList<IContender> contenders, int threads, ComparisonPlan plan, TimingFile? file)
    {
        string what = $"{threads} thread{(threads == 1 ? "" : "s")}, {(plan.Instructions == Instructions.All ? "all instructions" : "AVX2")}";
        Console.WriteLine($"\n## {what}\n");
        List<PeerProcess> processes = [];
        try
        {
            List<IComparisonColumn> columns = [.. contenders.Select(c => new InProcessColumn(c, threads))];
            Dictionary<string, string> versions = [];
            foreach (PeerDefinition definition in PeerDefinition.All)
            {
                if (PeerProcess.TryStart(definition, threads, plan.Instructions, out string reason) is { } process)
                {
                    processes.Add(process);
                    columns.AddRange(definition.Layouts.Select(layout => new PeerColumn(process, layout)));
                    versions.Add(definition.Library, process.Version);
                    Console.WriteLine($"* {definition.Library} {process.Version}");
                }
                else
                {
                    Console.WriteLine($"* {definition.Library}: not available ({reason}); install it with `{definition.Install}`");
                }
            }

            file?.Write(new MeasuredRun(
                MeasuredRun.ThisMachine, plan.Instructions, Instructions.VectorBits, threads, plan.Rounds, plan.Milliseconds, versions));
            ComparisonTable table = new(columns);
            table.WriteHeader();
            long start = Stopwatch.GetTimestamp();
            for (int done = 0; done < cases.Length;)
            {
                RoundTimes[] results = Measure(cases[done], columns, plan.Rounds, plan.Milliseconds);
                table.WriteRow(cases[done], results);
                file?.Write(cases[done], threads, plan.Instructions, columns, results);
                if (++done % ProgressStep == 0)
                    SayProgress(what, done, cases.Length, Stopwatch.GetElapsedTime(start));
            }

            table.WriteSummary();
        }
        finally
        {
            processes.ForEach(p => p.Dispose());
        }
    }

    private static void SayProgress(string what, int done, int all, TimeSpan elapsed) => Console.Error.WriteLine(
        $"{what}: {done} of {all} cases in {elapsed:mm\\:ss}, about {elapsed * (all - done) / done:mm\\:ss} left of these");

    private static RoundTimes[] Measure(ComparisonCase item, List<IComparisonColumn> columns, int rounds, double milliseconds)
    {
        RoundTimes[] results = [.. columns.Select(static _ => new RoundTimes())];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < columns.Count; i++)
            {
                // Each round starts with another one, so that none always follows the same neighbor.
                int at = (i + round) % columns.Count;
                if (results[at].Unsupported is null)
                    results[at].Add(columns[at].Measure(item, milliseconds));
            }
        }

        columns.ForEach(c => c.Forget());
        return results;
    }
}
