using System.Globalization;
using System.Text;

namespace Normalization.Benchmarks.Results;

/// <summary>The figures of one set of instructions and one number of threads: what was aimed at, what was reached, and where it was not.</summary>
internal static class ResultFigures
{
    private static readonly (string Operation, string Shape, string Aim)[] s_small =
    [
        ("layernorm-forward", "1x768", "0.3 µs"), ("layernorm-backward", "1x768", "0.6 µs"),
        ("layernorm-forward", "64x128", "3 µs"), ("layernorm-backward", "64x128", "6 µs"),
    ];

    public static void Write(StringBuilder page, TimedCase[] cases)
    {
        page.AppendLine("| figure | aim | reached |").AppendLine("|---|---|---|");
        Ratio[] leads = [.. cases.Select(static c => c.Lead).OfType<Ratio>()];
        Row("as fast as the fastest peer, any layout", "every shape",
            $"{leads.Count(static lead => lead.Value >= 1)} of {leads.Length} shapes, geometric mean {Numbers.Mean(leads.Select(static lead => lead.Value))}x");
        Row("in all rounds ahead of it, behind it, neither", "",
            $"{leads.Count(static lead => lead.Least >= 1)}, {leads.Count(static lead => lead.Most < 1)}, {leads.Count(static lead => lead.Least < 1 && lead.Most >= 1)} shapes");
        Row("against the fastest peer in plain layout", "3x", $"geometric mean {Numbers.Mean(cases.Select(static c => c.FastestPlainPeer / c.Own))}x");
        WriteOwnLayouts(Row, cases);
        TimedCase[] large = [.. cases.Where(static c => c.IsLarge)];
        Row("24 MB and more, forward, share of the speed of the non-temporal limit", "85 %", Shares(large.Where(static c => !c.IsBackward)));
        Row("24 MB and more, backward, share of the speed of the non-temporal limit", "75 %", Shares(large.Where(static c => c.IsBackward)));
        double[] overLimit = [.. cases.Where(static c => c.IsMedium).Select(static c => c.Own / c.Limit).Where(double.IsFinite)];
        Row("1 to 24 MB, time over that of the limit", "2x", $"{overLimit.Count(static r => r <= 2)} of {overLimit.Length} shapes, geometric mean {Numbers.Mean(overLimit)}x");
        foreach ((string operation, string shape, string aim) in s_small)
        {
            if (cases.FirstOrDefault(c => c.Operation == operation && c.Shape == shape) is { } small)
                Row($"{operation} {shape}", aim, $"{Numbers.Time(small.Own)} µs");
        }

        double[] doubles = [.. cases.Select(static c => c.Double / c.Own).Where(double.IsFinite)];
        Row("double over float", "2.3x", $"{doubles.Count(static r => r <= 2.3)} of {doubles.Length} shapes, geometric mean {Numbers.Mean(doubles)}x");
        page.AppendLine();
        WriteBehind(page, "Behind the fastest peer in all rounds", cases.Where(static c => c.Lead is { Most: < 1 }));
        WriteBehind(page, "Behind it in the median, but not in all rounds", cases.Where(static c => c.Lead is { Value: < 1, Most: >= 1 }));

        void Row(string figure, string aim, string reached) => page.AppendLine(CultureInfo.InvariantCulture, $"| {figure} | {aim} | {reached} |");
    }

    private static void WriteOwnLayouts(Action<string, string, string> row, TimedCase[] cases)
    {
        double[] fused = [.. cases.Select(static c => c.Unfused / c.Own).Where(double.IsFinite)];
        if (fused.Length > 0)
            row("fused operations against the same steps one after another", "", $"{fused.Count(static r => r >= 1)} of {fused.Length} shapes, geometric mean {Numbers.Mean(fused)}x");
        double[] last = [.. cases.Select(static c => c.FastestChannelsLastPeer / c.ChannelsLast).Where(double.IsFinite)];
        if (last.Length > 0)
            row("channels last, against the fastest peer with channels last", "", $"{last.Count(static r => r >= 1)} of {last.Length} shapes, geometric mean {Numbers.Mean(last)}x");
    }

    private static void WriteBehind(StringBuilder page, string title, IEnumerable<TimedCase> cases)
    {
        string[] behind = [.. cases.OrderBy(static c => c.Lead!.Value.Value).Select(static c => $"{c.Operation} {c.Shape} {c.Lead}, {c.FastestPeerTiming!.Column}")];
        page.AppendLine(CultureInfo.InvariantCulture, $"{title}: {(behind.Length == 0 ? "none" : string.Join("; ", behind))}.").AppendLine();
    }

    private static string Shares(IEnumerable<TimedCase> cases)
    {
        double[] shares = [.. cases.Select(static c => c.NonTemporalLimit / c.Own).Where(double.IsFinite)];
        return shares.Length == 0
            ? "-"
            : $"{100 * shares.Min():F0} to {100 * shares.Max():F0} %, geometric mean {100 * Numbers.GeometricMean(shares):F0} %";
    }
}
