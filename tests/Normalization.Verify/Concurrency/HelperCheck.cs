using Normalization.Kernels.Machine;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Concurrency;

/// <summary>How many threads of the pool a call wakes, by the size of its input and the number of processors.</summary>
internal static class HelperCheck
{
    // The column kernel's: sums, coefficients, output.
    private const int MostPhases = 3;

    private static readonly int[] _processors = [4, 16, 64];

    private static readonly Geometry[] _geometries =
    [
        .. Each([32, 64, 128, 256, 512, 1024, 4096], static rows => Geometry.Layer(rows, 1024)),
        .. Each([8192, 16_384, 65_536, 262_144, 1_048_576], static width => Geometry.Layer(4, width)),
        .. Each([128, 256, 1024, 4096, 16_384], static rows => Geometry.Batch(rows, 256, 1)),
        .. Each([64, 256, 1024, 4096, 16_384], static positions => Geometry.Batch(4, 64, positions)),
    ];

    /// <summary>A table of all numbers of processors, each in a process of its own.</summary>
    public static bool Check(TextWriter output)
    {
        bool isKept = true;
        string[] rows = Array.ConvertAll(_geometries, static geometry => $"| {geometry} | {geometry.Length * sizeof(float) / 1024} KB |");
        foreach (int processors in _processors)
        {
            (int exitCode, string text) = ChildProcess.Run(
                ["threads", "--here"], new Dictionary<string, string> { ["PROCESSOR_COUNT"] = $"{processors}" });
            string[] cells = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            isKept &= exitCode == 0 && cells.Length == rows.Length;
            if (cells.Length != rows.Length)
                output.WriteLine(text);
            for (int i = 0; i < Math.Min(cells.Length, rows.Length); i++)
                rows[i] += $" {cells[i]} |";
        }
        output.WriteLine($"| layer, float | input | {string.Join(" | ", _processors.Select(static count => $"{count} processors"))} |");
        output.WriteLine($"|---|---:|{string.Concat(_processors.Select(static _ => "---:|"))}");
        foreach (string row in rows)
            output.WriteLine(row);
        output.WriteLine(isKept ? "no call wakes more than its work is worth" : "a call wakes MORE than its work is worth");
        return isKept;
    }

    /// <summary>One line for each layer, with the processors of this process: helpers of a forward pass and of a backward pass.</summary>
    public static bool ReportHere(TextWriter output)
    {
        bool isKept = true;
        foreach (Geometry geometry in _geometries)
        {
            var trial = new Trial<float>(geometry);
            trial.Step();
            int forward = HelpersOf(trial.Forward);
            int backward = HelpersOf(() => trial.Layer.Backward(trial.OutputGradient, trial.InputGradient));
            int most = MostPhases * (Partition.Degree((long)geometry.Length * sizeof(float), Environment.ProcessorCount) - 1);
            bool isWithin = forward <= most && backward <= most;
            isKept &= isWithin;
            output.WriteLine($"{forward}, {backward}{(isWithin ? "" : " BROKEN")}");
        }
        return isKept;
    }

    /// <summary>What the call puts into the queue of the pool is done some time after it has returned.</summary>
    private static int HelpersOf(Action call)
    {
        long before = CompletedWhenQuiet();
        call();
        return (int)(CompletedWhenQuiet() - before);
    }

    private static long CompletedWhenQuiet()
    {
        long before = -1, now;
        while ((now = ThreadPool.CompletedWorkItemCount) != before || ThreadPool.PendingWorkItemCount > 0)
        {
            before = now;
            Thread.Sleep(2);
        }
        return now;
    }

    private static IEnumerable<Geometry> Each(int[] sizes, Func<int, Geometry> geometry) => sizes.Select(geometry);
}
