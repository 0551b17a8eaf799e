using System.Globalization;
using System.Text;

namespace Normalization.Benchmarks.Results;

/// <summary>The comparison as a page of markdown: what was aimed at, what was reached, and all tables.</summary>
internal static class ResultPage
{
    public static string Write(MeasuredRun[] runs, Timing[] timings)
    {
        TimedCase[] cases = TimedCase.Group(timings);
        StringBuilder page = new();
        page.AppendLine("# Speed beside the peers").AppendLine();
        WriteMethod(page, runs, timings);
        foreach (IGrouping<(string Instructions, int Threads), TimedCase> group in cases
            .GroupBy(c => (c.Instructions, c.Threads)).OrderBy(g => g.Key.Instructions, StringComparer.Ordinal).ThenByDescending(g => g.Key.Threads))
        {
            MeasuredRun? run = runs.LastOrDefault(r => (r.Instructions, r.Threads) == group.Key);
            string instructions = group.Key.Instructions == Instructions.Avx2 ? "AVX2 for every library that can be told" : "All instructions of the machine";
            page.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {instructions}, {group.Key.Threads} thread{(group.Key.Threads == 1 ? "" : "s")}").AppendLine();
            if (run is not null)
                page.AppendLine(CultureInfo.InvariantCulture, $"This library used vectors of {run.VectorBits} bits. Each time is the median of {run.Rounds} rounds of {run.Milliseconds} ms.").AppendLine();
            ResultFigures.Write(page, [.. group]);
            WriteBounds(page, [.. group]);
            string[] columns = [.. timings.Select(t => t.Column).Distinct()];
            foreach (IGrouping<string, TimedCase> operation in group.GroupBy(c => c.Operation))
                WriteTable(page, operation.Key, [.. operation], columns);
        }

        WriteScaling(page, cases);
        return page.ToString();
    }

    private static void WriteMethod(StringBuilder page, MeasuredRun[] runs, Timing[] timings)
    {
        page.AppendLine("Written by").AppendLine();
        page.AppendLine("    dotnet run -c Release --project benchmarks/Normalization.Benchmarks -- results").AppendLine();
        if (runs.LastOrDefault() is { } last)
            page.AppendLine(CultureInfo.InvariantCulture, $"Machine: {last.Machine}.").AppendLine();
        page.AppendLine("""
            How to read the tables:

            - A time is in µs, for one call. In each round all libraries are timed one after another. The time is the median of the rounds' medians. Behind this library's time stand the least and the greatest of its rounds.
            - In the other columns, the number in brackets is the time as a multiple of this library's: above 1, this library is faster.
            - *Lead* is the time of the fastest peer, in any layout, as a multiple of this library's, with the least and the greatest ratio of a round. A range that includes 1 decides nothing.
            - *unfused* is this library's norm with the other steps done one after another by `TensorPrimitives`; *double* is the element type. The limit is a loop that moves the same bytes and computes nothing. It and `TensorPrimitives` are no peers.

            """);
        page.AppendLine("""
            | peer | of the year | why this one |
            |---|---|---|
            """);
        string[] measured = [.. timings.Where(static t => t.IsPeer).Select(static t => t.Library).Distinct()];
        foreach (PeerDefinition peer in PeerDefinition.All.Where(peer => measured.Contains(peer.Library)))
        {
            string? version = runs.Select(r => r.Libraries.GetValueOrDefault(peer.Library)).LastOrDefault(static v => v is not null);
            page.AppendLine(CultureInfo.InvariantCulture, $"| {peer.Library}{(version is null ? "" : $" {version}")} | {peer.Year} | {peer.Reason} |");
        }

        page.AppendLine().AppendLine("""
            Newer versions of PyTorch and oneDNN may be faster. With all instructions, PyTorch is told to use AVX-512 where the machine has it: its own choice on processors that it does not know is AVX2, which is slower. With AVX2, oneDNN, PyTorch and this library have vectors of 256 bits. ONNX Runtime cannot be told, and uses in both tables what it finds. So does the `memcpy` of the limit.

            How the timing is fair and what the peers need: [Peers/README.md](Normalization.Benchmarks/Peers/README.md).
            """);
    }

    /// <summary>What the aim against the plain peers asks of each operation: a layer at the memory limit itself would be this far ahead.</summary>
    private static void WriteBounds(StringBuilder page, TimedCase[] cases)
    {
        TimedCase[] compared = [.. cases.Where(c => double.IsFinite(c.FastestPlainPeer / c.Own))];
        if (compared.Length == 0)
            return;
        page.AppendLine("Geometric means over the fastest peer in plain layout, of this library and of the limit (the faster loop over the same bytes, which computes nothing):").AppendLine();
        page.AppendLine("| operation | shapes | this library | the limit |").AppendLine("|---|---:|---:|---:|");
        foreach (IGrouping<string, TimedCase> operation in compared.GroupBy(c => c.Operation))
            Row(operation.Key, [.. operation]);
        Row("all", compared);

        void Row(string name, TimedCase[] of) => page.AppendLine(
            CultureInfo.InvariantCulture,
            $"| {name} | {of.Length} | {Numbers.Mean(of.Select(c => c.FastestPlainPeer / c.Own))}x | {Numbers.Mean(of.Select(c => c.FastestPlainPeer / c.Limit))}x |");
    }

    /// <summary>One table for each operation, with the columns that have a time in it.</summary>
    private static void WriteTable(StringBuilder page, string operation, TimedCase[] cases, string[] all)
    {
        string[] columns = [.. all.Where(column => cases.Any(c => double.IsFinite(c.Of(column))))];
        page.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"### {operation}").AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"| shape | lead | {string.Join(" | ", columns)} |");
        page.AppendLine(CultureInfo.InvariantCulture, $"|---|---:|{string.Concat(columns.Select(_ => "---:|"))}");
        foreach (TimedCase item in cases)
            page.AppendLine(CultureInfo.InvariantCulture, $"| {item.Shape} | {item.Lead?.ToString() ?? "-"} | {string.Join(" | ", columns.Select(c => Cell(item, c)))} |");
    }

    private static void WriteScaling(StringBuilder page, TimedCase[] cases)
    {
        (TimedCase One, TimedCase Two)[] pairs =
        [
            .. from one in cases
               join two in cases on (one.Operation, one.Shape, one.Instructions) equals (two.Operation, two.Shape, two.Instructions)
               where one.Threads == 1 && two.Threads == 2 && one.Instructions == Instructions.All && one.IsMedium
               select (one, two),
        ];
        if (pairs.Length == 0)
            return;
        double[] gains = [.. pairs.Select(p => p.One.Own / p.Two.Own)];
        page.AppendLine().AppendLine("## Two threads against one").AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"All instructions, tensors of 1 to 24 MB, aim 1.6x: {gains.Count(g => g >= 1.6)} of {gains.Length} shapes, geometric mean {Numbers.Mean(gains)}x.").AppendLine();
        page.AppendLine("| operation | shape | gain |").AppendLine("|---|---|---:|");
        foreach ((TimedCase one, TimedCase two) in pairs)
            page.AppendLine(CultureInfo.InvariantCulture, $"| {one.Operation} | {one.Shape} | {one.Own / two.Own:F2}x |");
    }

    private static string Cell(TimedCase item, string column)
    {
        double us = item.Of(column);
        if (double.IsNaN(us))
            return "-";
        return column == Timing.This
            ? $"{Numbers.Time(us)} ({Numbers.Time(item.OwnTiming!.Rounds.Min())} to {Numbers.Time(item.OwnTiming.Rounds.Max())})"
            : $"{Numbers.Time(us)} ({us / item.Own:F2})";
    }
}
