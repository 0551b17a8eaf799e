using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Normalization.Benchmarks.Results;

/// <summary>The comparison as a page of markdown: what was aimed at, what was reached, and all tables.</summary>
internal static class ResultPage
{
    private const long Megabyte = 1L << 20;
    private const double LargeBytes = 24e6;

    public static string Write(Timing[] timings)
    {
        TimedCase[] cases = TimedCase.Group(timings);
        StringBuilder page = new();
        page.AppendLine("# Speed beside the peers").AppendLine();
        page.AppendLine("Medians in µs (the lowest of two rounds or more), all libraries interleaved in one run; in brackets, as a multiple of this library's. Written by").AppendLine();
        page.AppendLine("    dotnet run -c Release --project benchmarks/Normalization.Benchmarks -- results").AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"Machine: {Machine()}. How the timing is fair and what the peers need: [Peers/README.md](Normalization.Benchmarks/Peers/README.md).");
        foreach (IGrouping<int, TimedCase> group in cases.GroupBy(c => c.Threads).OrderByDescending(g => g.Key))
        {
            page.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {group.Key} thread{(group.Key == 1 ? "" : "s")}").AppendLine();
            WriteFigures(page, [.. group]);
            WriteBounds(page, [.. group]);
            WriteTable(page, [.. group], [.. timings.Where(t => t.Threads == group.Key).Select(t => t.Column).Distinct()]);
        }

        WriteScaling(page, cases);
        return page.ToString();
    }

    private static void WriteFigures(StringBuilder page, TimedCase[] cases)
    {
        page.AppendLine("| figure | aim | reached |").AppendLine("|---|---|---|");
        double[] over = [.. Ratios(cases, c => c.FastestPeer / c.Own)], overPlain = [.. Ratios(cases, c => c.FastestPlainPeer / c.Own)];
        Row("as fast as the fastest peer, any layout", "every shape", $"{over.Count(r => r >= 1)} of {over.Length} shapes, geometric mean {Mean(over)}x");
        Row("against the fastest peer in plain layout", "3x", $"geometric mean {Mean(overPlain)}x");
        TimedCase[] large = [.. cases.Where(c => c.Bytes >= LargeBytes)];
        Row("24 MB and more, forward, share of the speed of the non-temporal copy", "85 %", Shares(large.Where(c => !c.IsBackward)));
        Row("24 MB and more, backward, share of the speed of the non-temporal triad", "75 %", Shares(large.Where(c => c.IsBackward)));
        TimedCase[] cached = [.. cases.Where(c => c.Bytes is >= Megabyte and < (long)LargeBytes)];
        double[] overLimit = [.. Ratios(cached, c => c.Own / c.Limit)];
        Row("1 to 24 MB, time over that of the copy or triad", "2x", $"{overLimit.Count(r => r <= 2)} of {overLimit.Length} shapes, geometric mean {Mean(overLimit)}x");
        foreach ((string operation, string shape, string aim) in (ReadOnlySpan<(string, string, string)>)[
            ("layernorm-forward", "1x768", "0.3 µs"), ("layernorm-backward", "1x768", "0.6 µs"), ("layernorm-forward", "64x128", "3 µs"), ("layernorm-backward", "64x128", "6 µs")])
        {
            if (cases.FirstOrDefault(c => c.Operation == operation && c.Shape == shape) is { } small)
                Row($"{operation} {shape}", aim, $"{Number(small.Own)} µs");
        }

        double[] doubles = [.. Ratios(cases, c => c.Double / c.Own)];
        Row("double over float", "2.3x", $"{doubles.Count(r => r <= 2.3)} of {doubles.Length} shapes, geometric mean {Mean(doubles)}x");
        string[] behind = [.. cases.Where(c => c.FastestPeer < c.Own).OrderBy(c => c.FastestPeer / c.Own)
            .Select(c => $"{c.Operation} {c.Shape} ({c.FastestPeer / c.Own:F2}x, {c.FastestPeerColumn})")];
        page.AppendLine().AppendLine(behind.Length == 0 ? "Behind nowhere." : $"Behind the fastest peer: {string.Join(", ", behind)}.").AppendLine();

        void Row(string figure, string aim, string reached) => page.AppendLine(CultureInfo.InvariantCulture, $"| {figure} | {aim} | {reached} |");

        static string Shares(IEnumerable<TimedCase> cases)
        {
            double[] shares = [.. Ratios(cases, c => c.NonTemporalLimit / c.Own)];
            return shares.Length == 0
                ? "-"
                : $"{100 * shares.Min():F0} to {100 * shares.Max():F0} %, geometric mean {100 * GeometricMean(shares):F0} %";
        }
    }

    /// <summary>What the aim against the plain peers asks of each operation: a layer at the memory limit itself would be this far ahead.</summary>
    private static void WriteBounds(StringBuilder page, TimedCase[] cases)
    {
        page.AppendLine("Geometric means over the fastest peer in plain layout, of this library and of the limit (the faster copy or triad of the same bytes, which computes nothing):").AppendLine();
        page.AppendLine("| operation | shapes | this library | the limit |").AppendLine("|---|---:|---:|---:|");
        TimedCase[] compared = [.. cases.Where(c => double.IsFinite(c.FastestPlainPeer / c.Own))];
        foreach (IGrouping<string, TimedCase> operation in compared.GroupBy(c => c.Operation))
            Row(operation.Key, [.. operation]);
        Row("all", compared);
        page.AppendLine();

        void Row(string name, TimedCase[] of) =>
            page.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {of.Length} | {Mean([.. of.Select(c => c.FastestPlainPeer / c.Own)])}x | {Mean([.. Ratios(of, c => c.FastestPlainPeer / c.Limit)])}x |");
    }

    private static void WriteTable(StringBuilder page, TimedCase[] cases, string[] columns)
    {
        page.AppendLine(CultureInfo.InvariantCulture, $"| operation | shape | {string.Join(" | ", columns)} |");
        page.AppendLine(CultureInfo.InvariantCulture, $"|---|---|{string.Concat(columns.Select(_ => "---:|"))}");
        foreach (TimedCase item in cases)
            page.AppendLine(CultureInfo.InvariantCulture, $"| {item.Operation} | {item.Shape} | {string.Join(" | ", columns.Select(c => Cell(item, c)))} |");
    }

    private static void WriteScaling(StringBuilder page, TimedCase[] cases)
    {
        (TimedCase One, TimedCase Two)[] pairs =
        [
            .. from one in cases
               join two in cases on (one.Operation, one.Shape) equals (two.Operation, two.Shape)
               where one.Threads == 1 && two.Threads == 2 && one.Bytes is >= Megabyte and < (long)LargeBytes
               select (one, two),
        ];
        if (pairs.Length == 0)
            return;
        double[] gains = [.. pairs.Select(p => p.One.Own / p.Two.Own)];
        page.AppendLine().AppendLine("## Two threads against one").AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"Tensors of 1 to 24 MB, aim 1.6x: {gains.Count(g => g >= 1.6)} of {gains.Length} shapes, geometric mean {Mean(gains)}x.").AppendLine();
        page.AppendLine("| operation | shape | gain |").AppendLine("|---|---|---:|");
        foreach ((TimedCase one, TimedCase two) in pairs)
            page.AppendLine(CultureInfo.InvariantCulture, $"| {one.Operation} | {one.Shape} | {one.Own / two.Own:F2}x |");
    }

    private static string Cell(TimedCase item, string column)
    {
        double us = item.Of(column);
        if (double.IsNaN(us))
            return "-";
        return column == Timing.This ? Number(us) : $"{Number(us)} ({us / item.Own:F2})";
    }

    private static string Number(double us) => us.ToString(us < 10 ? "F2" : us < 1000 ? "F1" : "F0", CultureInfo.InvariantCulture);

    private static IEnumerable<double> Ratios(IEnumerable<TimedCase> cases, Func<TimedCase, double> ratio) => cases.Select(ratio).Where(double.IsFinite);

    private static string Mean(double[] values) => values.Length == 0 ? "-" : GeometricMean(values).ToString("F2", CultureInfo.InvariantCulture);

    private static double GeometricMean(double[] values) => Math.Exp(values.Average(Math.Log));

    private static string Machine()
    {
        const string ModelLine = "model name";
        string model = File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith(ModelLine, StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..]
            : RuntimeInformation.ProcessArchitecture.ToString();
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        return $"{model}, {Environment.ProcessorCount} processors, {bits}-bit vectors, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}";
    }
}
