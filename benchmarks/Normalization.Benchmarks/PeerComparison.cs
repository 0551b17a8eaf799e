using System.Globalization;
using System.Text.Json;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>The <c>peers</c> command: this library, its peers and the memory limit, interleaved in rounds within one run.</summary>
internal static class PeerComparison
{
    public const string Synopsis =
        "[--threads 1|2|1,2] [--filter TEXT] [--case OPERATION:SHAPE[:GROUPS]] [--rounds N] [--milliseconds N] [--output DIR]";

    private const string FileName = "timings.json";

    public static string Description =>
        $"""
        this library beside other libraries and the memory limit, in one run
        --rounds: how often all are measured in turn (5); --milliseconds: how long each time (100)
        --output: the folder for the timings ({FileName}), which results --data reads
        """;

    /// <summary>Runs the command and returns the exit code.</summary>
    public static int Run(Options options, IReadOnlyList<IContender> contenders)
    {
        var pace = new Pace(
            [.. (options.Text("--threads") ?? "2").Split(',').Select(static text => Positive("--threads", text))],
            Positive("--rounds", options.Text("--rounds") ?? "5"),
            Positive("--milliseconds", options.Text("--milliseconds") ?? "100"));
        (string? filter, string? only, string? folder) = (options.Text("--filter"), options.Text("--case"), options.Text("--output"));
        options.RejectUnknown();
        if (folder is not null)
            OutputFolder.Require(folder);
        IEnumerable<ComparisonCase> cases = only is null ? ComparisonCase.All : [Parse(only)];
        if (filter is not null)
            cases = cases.Where(c => c.ToString().Contains(filter, StringComparison.OrdinalIgnoreCase));
        Measure(contenders, pace, cases, folder is null ? null : Path.Combine(folder, FileName));
        return 0;
    }

    /// <summary>Measures, prints a table for each number of threads, and writes the timings to a file if one is named.</summary>
    public static void Measure(IReadOnlyList<IContender> contenders, Pace pace, IEnumerable<ComparisonCase> cases, string? path)
    {
        ComparisonCase[] selected = [.. cases];
        using StreamWriter? file = path is null ? null : new(path) { AutoFlush = true };
        foreach (int threads in pace.Threads)
            Compare(selected, contenders, threads, pace.Rounds, pace.Milliseconds, file);
    }

    private static ComparisonCase Parse(string text)
    {
        try
        {
            return ComparisonCase.Parse(text);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--case: {exception.Message}");
        }
    }

    private static int Positive(string option, string text) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw new UsageException($"{option}: expected a positive number, got {text}");

    private static void Compare(
        ComparisonCase[] cases, IReadOnlyList<IContender> contenders, int threads, int rounds, double milliseconds, StreamWriter? json)
    {
        Console.WriteLine($"\n## {threads} thread{(threads == 1 ? "" : "s")}\n");
        List<PeerProcess> processes = [];
        try
        {
            List<IComparisonColumn> columns = [.. contenders.Select(c => new InProcessColumn(c, threads))];
            foreach (PeerDefinition definition in PeerDefinition.All)
            {
                if (PeerProcess.TryStart(definition, threads, out string reason) is { } process)
                {
                    processes.Add(process);
                    columns.AddRange(definition.Layouts.Select(layout => new PeerColumn(process, layout)));
                    Console.WriteLine($"* {definition.Library} {process.Version}");
                }
                else
                {
                    Console.WriteLine($"* {definition.Library}: not available ({reason}); install it with `{definition.Install}`");
                }
            }

            ComparisonTable table = new(columns);
            table.WriteHeader();
            foreach (ComparisonCase item in cases)
            {
                Measurement[] results = Measure(item, columns, rounds, milliseconds);
                table.WriteRow(item, results);
                for (int i = 0; i < columns.Count; i++)
                {
                    if (results[i].Unsupported is null)
                        json?.WriteLine(JsonLine(item, threads, columns[i], results[i]));
                }
            }

            table.WriteSummary();
        }
        finally
        {
            processes.ForEach(p => p.Dispose());
        }
    }

    private static Measurement[] Measure(ComparisonCase item, List<IComparisonColumn> columns, int rounds, double milliseconds)
    {
        Measurement[] results = new Measurement[columns.Count];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < columns.Count; i++)
            {
                // Each round starts with another one, so that none always follows the same neighbor.
                int at = (i + round) % columns.Count;
                if (round > 0 && results[at].Unsupported is not null)
                    continue;
                Measurement measured = columns[at].Measure(item, milliseconds);
                results[at] = round == 0 ? measured : results[at].Best(measured);
            }
        }

        columns.ForEach(c => c.Forget());
        return results;
    }

    private static string JsonLine(ComparisonCase item, int threads, IComparisonColumn column, Measurement result) =>
        JsonSerializer.Serialize(new
        {
            op = item.Operation,
            shape = item.Shape,
            threads,
            library = column.Library,
            layout = column.Layout,
            median_us = Math.Round(result.MedianMicroseconds, 4),
            min_us = Math.Round(result.MinMicroseconds, 4),
        });
}

/// <summary>With how many threads, how often and how long each case is measured.</summary>
internal sealed record Pace(IReadOnlyList<int> Threads, int Rounds, double Milliseconds);
