using System.Text;

namespace Normalization.Training.Reports;

/// <summary>Draws the axes and the lines of one panel.</summary>
internal static class PanelDrawing
{
    public const string GoalStyle = """class="goal" stroke-dasharray="4 4" """;

    private const int Height = 220;
    private const int RightMargin = 22;
    private const int LeftMargin = 16;
    private const int LabelGap = 8;
    private const int CrossHeight = 10;
    private const int MostMarkedPoints = 20;
    private const int TickLabelPlace = 20;
    private const int AxisTitlePlace = 40;

    /// <summary>Returns where the panel ends.</summary>
    public static int Draw(StringBuilder svg, Panel panel, int top)
    {
        double left = LeftMargin + panel.Y.Ticks.Max(tick => TextMetrics.Width(panel.Y.Format(tick), SvgChart.LetterSize));
        double width = Math.Floor(SvgChart.Width - left - RightMargin);
        svg.Line($"""<g transform="translate({left:0.#} {top})">""");
        DrawAxes(svg, panel, width);
        if (panel.Goal is double goal)
            svg.Line($"""<path d="M0 {Y(panel, goal):0.#}H{width}" {GoalStyle}/>""");

        (double X, double Y)[][] lines =
            [.. panel.Series.Select(s =>
                s.Points.Where(p => double.IsFinite(p.Y)).Select(p => (width * panel.X.Position(p.X), Y(panel, p.Y))).ToArray())];
        IReadOnlyList<string> dashes = Coincidence.Dashes(lines);
        foreach (Series series in panel.Series)
            DrawBand(svg, panel, series, width);

        for (int i = 0; i < lines.Length; i++)
            DrawSeries(svg, panel.Series[i], lines[i], dashes[i]);

        DrawDiverged(svg, panel, width);

        svg.Line($"</g>");
        return top + Height + (panel.X.Title.Length > 0 ? AxisTitlePlace : TickLabelPlace) + 4;
    }

    public static string Cross(double x, double y) => FormattableString.Invariant($"M{x - 4:0.#} {y - 4:0.#}l8 8m0 -8l-8 8");

    private static double Y(Panel panel, double value) => Height * (1 - panel.Y.Position(value));

    private static void DrawAxes(StringBuilder svg, Panel panel, double width)
    {
        foreach (double tick in panel.Y.Ticks)
        {
            svg.Line($"""<path class="grid" d="M0 {Y(panel, tick):0.#}H{width}"/>""");
            svg.Line($"""<text x="{-LabelGap}" y="{Y(panel, tick) + 4.5:0.#}" text-anchor="end">{panel.Y.Format(tick)}</text>""");
        }

        // A label that would touch the one before it is left out; its tick stays.
        double free = double.NegativeInfinity;
        foreach ((double x, string text) in panel.X.Ticks.Select(tick => (width * panel.X.Position(tick), panel.X.Format(tick)))
            .OrderBy(t => t.Item1))
        {
            svg.Line($"""<path class="tick" d="M{x:0.#} {Height}v5"/>""");
            double half = TextMetrics.Width(text, SvgChart.LetterSize) / 2;
            if (x - half < free)
                continue;

            svg.Line($"""<text x="{Math.Min(x, width + RightMargin - half):0.#}" y="{Height + TickLabelPlace}" text-anchor="middle">{text}</text>""");
            free = x + half + LabelGap;
        }

        if (panel.X.Title.Length > 0)
            svg.Line($"""<text x="{width / 2}" y="{Height + AxisTitlePlace}" text-anchor="middle">{SvgChart.Escape(panel.X.Title)}</text>""");
    }

    private static void DrawBand(StringBuilder svg, Panel panel, Series series, double width)
    {
        // What is no number, or too large for one, has no place in a picture.
        ChartPoint[] shown = [.. series.Points.Where(p => double.IsFinite(p.Y) && double.IsFinite(p.Reach))];
        if (!shown.Any(p => p.Reach > 0))
            return;

        IEnumerable<string> upper = shown.Select(p => Point(width * panel.X.Position(p.X), Y(panel, p.Y + p.Reach)));
        IEnumerable<string> lower = shown.Reverse().Select(p => Point(width * panel.X.Position(p.X), Y(panel, p.Y - p.Reach)));
        svg.Line($"""<polygon points="{string.Join(' ', upper.Concat(lower))}" fill="{series.Color}" fill-opacity="0.16"/>""");
    }

    private static void DrawSeries(StringBuilder svg, Series series, (double X, double Y)[] line, string dashes)
    {
        string points = string.Join(' ', line.Select(p => Point(p.X, p.Y)));
        svg.Line($"""<polyline points="{points}" class="line" stroke="{series.Color}" {dashes}/>""");
        if (line.Length <= MostMarkedPoints)
        {
            foreach ((double x, double y) in line)
                svg.Line($"""<circle cx="{x:0.#}" cy="{y:0.#}" r="3" fill="{series.Color}"/>""");
        }
    }

    private static void DrawDiverged(StringBuilder svg, Panel panel, double width)
    {
        for (int i = 0; i < panel.Series.Count; i++)
        {
            foreach (double place in panel.Series[i].Diverged)
            {
                double x = width * panel.X.Position(place);
                svg.Line($"""<path d="{Cross(x, Height - 6 - i * CrossHeight)}" class="cross" stroke="{panel.Series[i].Color}"/>""");
            }
        }
    }

    private static string Point(double x, double y) => FormattableString.Invariant($"{x:0.#},{y:0.#}");
}
