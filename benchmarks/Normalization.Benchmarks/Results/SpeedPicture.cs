using System.Globalization;
using System.Text;

namespace Normalization.Benchmarks.Results;

/// <summary>One group of bars an operation: the share of the memory limit's speed that each library reaches.</summary>
internal static class SpeedPicture
{
    // Below this the limit is a loop in the first-level cache, which says nothing about memory.
    private const long LeastBytes = 1 << 20;
    private const int Left = 190, Width = 760, Bar = 11, Gap = 14, Top = 70;

    private static readonly (string Column, string Color)[] s_bars =
    [
        (Timing.This, "#2f7ed8"), ("PyTorch", "#e8833a"), ("oneDNN", "#59a14f"), ("oneDNN, blocked", "#a3c99d"), ("ONNX Runtime", "#b07aa1"),
    ];

    public static string Draw(Timing[] timings, int threads)
    {
        IGrouping<string, TimedCase>[] operations =
            [.. TimedCase.Group(timings.Where(t => t.Threads == threads)).Where(c => c.Bytes >= LeastBytes).GroupBy(c => c.Operation)];
        StringBuilder marks = new();
        int y = Top;
        foreach (IGrouping<string, TimedCase> operation in operations)
        {
            int start = y;
            foreach ((string column, string color) in s_bars)
            {
                double[] shares = [.. operation.Select(c => c.Limit / c.Of(column)).Where(double.IsFinite)];
                if (shares.Length == 0)
                    continue;
                double share = Math.Exp(shares.Average(Math.Log));
                string percent = $"{100 * share:F0} %";
                double length = Math.Min(share, 1.2) * (Width - Left - 130);
                marks.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{Left}" y="{y}" width="{length:F1}" height="{Bar - 2}" fill="{color}"><title>{operation.Key}, {column}: {percent}</title></rect>""");
                marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{Left + length + 5:F1}" y="{y + Bar - 3}" class="small">{percent}</text>""");
                y += Bar;
            }

            marks.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{Left - 10}" y="{((start + y) / 2) + 4}" text-anchor="end">{operation.Key.Replace('-', ' ')}</text>""");
            y += Gap;
        }

        double limit = Left + (Width - Left - 130);
        StringBuilder legend = new();
        int x = Left;
        foreach ((string column, string color) in s_bars)
        {
            legend.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{x}" y="38" width="10" height="10" fill="{color}"/><text x="{x + 14}" y="47" class="small">{column}</text>""");
            x += 24 + (7 * column.Length);
        }

        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{y + 10}}" font-family="system-ui, sans-serif" font-size="12" role="img">
            <title>Speed as a share of the memory limit</title>
            <style>text { fill: #1f2328 } .small { font-size: 10px } .limit { stroke: #8b949e; stroke-dasharray: 4 3 } .back { fill: #ffffff }
            @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .back { fill: #0d1117 } }</style>
            <rect class="back" width="100%" height="100%"/>
            <text x="20" y="22" font-size="14">Share of the speed of copying the same bytes, {{threads}} thread{{(threads == 1 ? "" : "s")}}, tensors of 1 MB and more</text>
            {{legend}}<line class="limit" x1="{{limit}}" x2="{{limit}}" y1="{{Top - 8}}" y2="{{y - Gap + 4}}"/>
            <text x="{{limit}}" y="{{y + 4}}" text-anchor="middle" class="small">the limit</text>
            {{marks}}</svg>

            """;
    }
}
