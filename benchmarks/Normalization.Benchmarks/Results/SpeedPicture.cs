using System.Globalization;
using System.Text;

namespace Normalization.Benchmarks.Results;

/// <summary>
/// One group of bars an operation: the share of the memory limit's speed that each library reaches, in the mean and on its worst shape,
/// and on how many shapes this library is behind a peer.
/// </summary>
internal static class SpeedPicture
{
    private const int Names = 150, Limit = 185, Panel = 500, Bar = 11, Gap = 12, Top = 74;
    private const int ShareLabel = 45;
    private const double MostShare = 1.1;

    private static readonly (string Column, string Color)[] s_bars =
    [
        (Timing.This, "#2f7ed8"), ($"{Timing.This}, {Timing.Unfused}", "#9cc3ee"), ("PyTorch", "#e8833a"),
        ("oneDNN", "#59a14f"), ("oneDNN, blocked", "#a3c99d"), ("ONNX Runtime", "#b07aa1"),
    ];

    public static string Draw(Timing[] timings, int threads)
    {
        BarGroup[] groups =
        [
            .. TimedCase.Group(timings.Where(t => t.Threads == threads && t.Instructions == Instructions.All))
                .Where(static c => c.Bytes >= TimedCase.LeastBytes).GroupBy(static c => c.Operation).Select(static g => new BarGroup([.. g])),
        ];
        int split = SplitOf(groups);
        StringBuilder marks = new();
        int height = Math.Max(DrawPanel(marks, groups[..split], 0), DrawPanel(marks, groups[split..], Panel));
        string described = $"Mean share of the speed of moving the same bytes, {threads} thread{(threads == 1 ? "" : "s")}, tensors of 1 MB and more";
        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{2 * Panel}} {{height + 24}}" font-family="system-ui, sans-serif" font-size="13" role="img">
            <title>{{described}}</title>
            <style>text { fill: #1f2328 } .small { font-size: 11px } .limit { stroke: #8b949e; stroke-dasharray: 4 3 } .back { fill: #ffffff }
            .worst { stroke: #1f2328; stroke-width: 2 } .behind { fill: #cf222e }
            @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .back { fill: #0d1117 } .worst { stroke: #ffffff } .behind { fill: #ff7b72 } }</style>
            <rect class="back" width="100%" height="100%"/>
            <text x="20" y="24" font-size="15">{{described}}</text>
            {{Legend()}}{{marks}}</svg>

            """;
    }

    /// <summary>How many groups stand on the left, so that both sides are about equally high.</summary>
    private static int SplitOf(BarGroup[] groups) => Enumerable.Range(0, groups.Length + 1)
        .MinBy(split => Math.Max(groups[..split].Sum(static g => g.Height), groups[split..].Sum(static g => g.Height)));

    private static string Legend()
    {
        StringBuilder legend = new();
        int x = 20;
        foreach ((string column, string color) in s_bars)
        {
            legend.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{x}" y="40" width="11" height="11" fill="{color}"/><text x="{x + 16}" y="50" class="small">{column}</text>""");
            x += 36 + (6 * column.Length);
        }

        legend.AppendLine(CultureInfo.InvariantCulture, $"""<line class="worst" x1="{x + 6}" x2="{x + 6}" y1="39" y2="52"/><text x="{x + 14}" y="50" class="small">the worst shape</text>""");
        return legend.ToString();
    }

    /// <summary>Draws the groups one below another and returns where they end.</summary>
    private static int DrawPanel(StringBuilder marks, BarGroup[] groups, int left)
    {
        int y = Top, zero = left + Names;
        foreach (BarGroup group in groups)
        {
            marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{zero - 8}" y="{y + ((group.Height - Gap) / 2) + 4}" text-anchor="end" class="small">{group.Operation.Replace('-', ' ')}</text>""");
            foreach ((string column, string color, double mean, double worst) in group.Bars)
            {
                double length = Math.Min(mean, MostShare) * Limit, tick = zero + (Math.Min(worst, MostShare) * Limit);
                marks.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{zero}" y="{y}" width="{length:F1}" height="{Bar - 2}" fill="{color}"><title>{group.Operation}, {column}: {100 * mean:F0} %, on the worst shape {100 * worst:F0} %</title></rect>""");
                marks.AppendLine(CultureInfo.InvariantCulture, $"""<line class="worst" x1="{tick:F1}" x2="{tick:F1}" y1="{y - 1}" y2="{y + Bar - 1}"/>""");
                marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{zero + length + 6:F1}" y="{y + Bar - 2}" class="small">{100 * mean:F0} %</text>""");
                if (column == Timing.This && group.Behind > 0)
                {
                    // Behind the line of the limit, so that the two do not cross.
                    double x = zero + Math.Max(Limit, length + ShareLabel) + 6;
                    marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{x:F1}" y="{y + Bar - 2}" class="small behind">behind on {group.Behind} of {group.Compared}</text>""");
                }

                y += Bar;
            }

            y += Gap;
        }

        marks.AppendLine(CultureInfo.InvariantCulture, $"""<line class="limit" x1="{zero + Limit}" x2="{zero + Limit}" y1="{Top - 8}" y2="{y - Gap + 4}"/>""");
        marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{zero + Limit}" y="{y + 6}" text-anchor="middle" class="small">the limit</text>""");
        return y;
    }

    /// <summary>The bars of one operation.</summary>
    private sealed class BarGroup
    {
        public BarGroup(TimedCase[] cases)
        {
            Operation = cases[0].Operation;
            Bars =
            [
                .. from bar in s_bars
                   let shares = cases.Select(c => c.Limit / c.Of(bar.Column)).Where(double.IsFinite).ToArray()
                   where shares.Length > 0
                   select (bar.Column, bar.Color, Numbers.GeometricMean(shares), shares.Min()),
            ];
            (Behind, Compared) = (cases.Count(static c => c.Lead is { Value: < 1 }), cases.Count(static c => c.Lead is not null));
        }

        public string Operation { get; }

        public (string Column, string Color, double Mean, double Worst)[] Bars { get; }

        /// <summary>Gets on how many shapes a peer is faster, in whatever layout.</summary>
        public int Behind { get; }

        public int Compared { get; }

        public int Height => (Bar * Bars.Length) + Gap;
    }
}
