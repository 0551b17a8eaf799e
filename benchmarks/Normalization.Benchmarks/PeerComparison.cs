using System.Globalization;
using System.Text.Json;

namespace Normalization.Benchmarks;

/// <summary>The <c>peers</c> command: this library, its peers and the memory limit, interleaved in rounds within one run.</summary>
internal static class PeerComparison
{
    private const string Usage =
        "peers [--threads 1|2|1,2] [--filter TEXT] [--case OPERATION:SHAPE[:GROUPS]] [--rounds 5] [--milliseconds 100] [--json FILE]";

    /// <summary>Runs the command and returns the exit status.</summary>
    public static int Run(string[] arguments, IReadOnlyList<IContender> contenders)
    {
        if (arguments is ["--help" or "-h"])
        {
            Console.WriteLine($"usage: {Usage}");
            return 0;
        }
        int[] threadCounts = [2];
        int rounds = 5;
        double milliseconds = 100;
        string? filter = null, json = null;
        List<ComparisonCase> cases = [];
        for (int i = 0; i < arguments.Length; i += 2)
        {
            if (i + 1 == arguments.Length)
                return Fail($"{arguments[i]} needs a value");
            string value = arguments[i + 1];
            try
            {
                switch (arguments[i])
                {
                    case "--threads": threadCounts = [.. value.Split(',').Select(Positive)]; break;
                    case "--rounds": rounds = Positive(value); break;
                    case "--milliseconds": milliseconds = Positive(value); break;
                    case "--filter": filter = value; break;
                    case "--case": cases.Add(ComparisonCase.Parse(value)); break;
                    case "--json": json = value; break;
                    default: return Fail($"unknown option {arguments[i]}");
                }
            }
            catch (FormatException exception)
            {
                return Fail($"{arguments[i]}: {exception.Message}");
            }
        }

        IEnumerable<ComparisonCase> chosen = cases.Count > 0 ? cases : ComparisonCase.All;
        if (filter is not null)
            chosen = chosen.Where(c => c.ToString().Contains(filter, StringComparison.OrdinalIgnoreCase));
        ComparisonCase[] selected = [.. chosen];
        using StreamWriter? file = json is null ? null : new(json) { AutoFlush = true };
        foreach (int threads in threadCounts)
            Compare(selected, contenders, threads, rounds, milliseconds, file);
        return 0;
    }

    private static int Positive(string text) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw new FormatException($"expected a positive number, got {text}");

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

    private static int Fail(string message)
    {
        Console.Error.WriteLine($"{message}\nusage: {Usage}");
        return 2;
    }
}
