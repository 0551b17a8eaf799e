using System.Text;
using System.Text.Json;

namespace Normalization.Benchmarks.Results;

/// <summary>
/// A file of timings, one JSON object a line, each written as soon as its case is done: what an interrupted run has measured is kept.
/// </summary>
internal sealed class TimingFile : IDisposable
{
    public const string Name = "timings.json";

    private readonly HashSet<(string Operation, string Shape, int Threads, string Instructions)> _present;
    private readonly StreamWriter _writer;

    private TimingFile(string path, IEnumerable<Timing> present)
    {
        _present = [.. present.Select(static t => (t.Operation, t.Shape, t.Threads, t.Instructions))];
        _writer = new(path, append: true) { AutoFlush = true };
    }

    public static TimingFile Append(string path) => new(path, File.Exists(path) ? Read(path).Timings : []);

    /// <summary>Reads all of a file. Of two timings of the same case in the same column, the later one counts.</summary>
    public static (MeasuredRun[] Runs, Timing[] Timings) Read(string path)
    {
        ILookup<bool, string> lines = File.ReadLines(path).ToLookup(static line => line.Contains($"\"{MeasuredRun.MachineKey}\":", StringComparison.Ordinal));
        return (
            [.. lines[true].Select(static line => JsonSerializer.Deserialize<MeasuredRun>(line)!)],
            [
                .. lines[false].Select(static line => JsonSerializer.Deserialize<Timing>(line)!)
                    .GroupBy(static t => (t.Operation, t.Shape, t.Threads, t.Instructions, t.Column)).Select(static g => g.Last()),
            ]);
    }

    public bool Has(ComparisonCase item, int threads, string instructions) =>
        _present.Contains((item.Operation, item.Shape, threads, instructions));

    public void Write(MeasuredRun run) => _writer.WriteLine(JsonSerializer.Serialize(run));

    public void Write(ComparisonCase item, int threads, string instructions, IReadOnlyList<IComparisonColumn> columns, RoundTimes[] results)
    {
        // In one piece, so that an interruption leaves no case with some of its columns only.
        StringBuilder lines = new();
        for (int i = 0; i < columns.Count; i++)
        {
            if (results[i].Unsupported is null)
            {
                double[] rounds = [.. results[i].Medians.Select(static us => Math.Round(us, 4))];
                var timing = new Timing(
                    item.Operation, item.Shape, threads, instructions, columns[i].Library, columns[i].Layout, rounds, Math.Round(results[i].Least, 4));
                lines.AppendLine(JsonSerializer.Serialize(timing));
            }
        }

        _writer.Write(lines.ToString());
    }

    public void Dispose() => _writer.Dispose();
}
