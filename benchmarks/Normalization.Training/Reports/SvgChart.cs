using System.Security;
using System.Text;

namespace Normalization.Training.Reports;

/// <summary>Draws panels, two in a row, with a common legend. The pictures follow the light or dark scheme of whoever looks at them.</summary>
internal static class SvgChart
{
    private const int Columns = 2;
    private const int PanelWidth = 340;
    private const int PanelHeight = 220;
    private const int Left = 56;
    private const int TitleHeight = 34;
    private const int LegendRowHeight = 22;
    private const int PanelTitleHeight = 30;
    private const int ColumnGap = 66;
    private const int RowGap = 84;
    private const int RightMargin = 18;
    private const int BottomMargin = 48;
    private const int CharacterWidth = 7;
    private const int LegendGap = 56;
    private const int MostMarkedPoints = 20;
    private const string GoalStyle = """class="goal" stroke-dasharray="4 4" """;

    private const string Style =
        """
        <style>
        .chart{font:13px system-ui,sans-serif}.chart text{fill:#333}.chart .ground{fill:#fff}.chart .grid{stroke:#e4e4e4}
        .chart .tick,.chart .goal{stroke:#999}.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}
        @media (prefers-color-scheme:dark){.chart text{fill:#ccc}.chart .ground{fill:#16181b}.chart .grid{stroke:#33363a}}
        </style>
        """;

    /// <param name="title">The heading of the picture; none if empty.</param>
    /// <param name="panels">The panels, row by row.</param>
    public static string Draw(string title, IReadOnlyList<Panel> panels)
    {
        int columns = Math.Min(Columns, panels.Count);
        int rows = (panels.Count + columns - 1) / columns;
        int width = Left + columns * PanelWidth + (columns - 1) * ColumnGap + RightMargin;
        int titleHeight = title.Length > 0 ? TitleHeight : 0;
        var legend = new StringBuilder();
        int legendHeight = DrawLegend(legend, panels, width, titleHeight);
        int top = titleHeight + legendHeight + PanelTitleHeight;
        int height = top + rows * PanelHeight + (rows - 1) * RowGap + BottomMargin;

        var svg = new StringBuilder();
        Line(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" width="{width}" role="img">""");
        Line(svg, $"""<title>{Escape(title.Length > 0 ? title : panels[0].Title)}</title>""");
        svg.Append(Style).Append('\n');
        Line(svg, $"""<rect class="ground" width="{width}" height="{height}"/>""");
        if (title.Length > 0)
            Line(svg, $"""<text x="{Left}" y="26" font-size="18" font-weight="600">{Escape(title)}</text>""");

        svg.Append(legend);
        for (int i = 0; i < panels.Count; i++)
        {
            int x = Left + i % columns * (PanelWidth + ColumnGap);
            int y = top + i / columns * (PanelHeight + RowGap);
            Line(svg, $"""<g transform="translate({x} {y})">""");
            DrawPanel(svg, panels[i]);
            Line(svg, $"</g>");
        }

        Line(svg, $"</svg>");
        return svg.ToString();
    }

    /// <summary>Returns the height that the legend takes.</summary>
    private static int DrawLegend(StringBuilder svg, IReadOnlyList<Panel> panels, int width, int top)
    {
        IEnumerable<(string Name, string Line)> entries = panels
            .SelectMany(p => p.Series).DistinctBy(s => s.Name).Select(s => (s.Name, LineStyle(s)));
        if (panels[0].Goal is double goal)
            entries = entries.Append((panels[0].Y.Format(goal), GoalStyle));

        (int x, int y) = (Left, top + LegendRowHeight / 2 + 4);
        foreach ((string name, string line) in entries)
        {
            int length = LegendGap + name.Length * CharacterWidth;
            if (x > Left && x + length > width)
                (x, y) = (Left, y + LegendRowHeight);

            Line(svg, $"""<path d="M{x} {y}h24" {line}/><text x="{x + 30}" y="{y + 4}">{Escape(name)}</text>""");
            x += length;
        }

        return y + LegendRowHeight / 2 - top;
    }

    private static string LineStyle(Series series) => $"""class="line" stroke="{series.Color}" """;

    private static void DrawPanel(StringBuilder svg, Panel panel)
    {
        double X(double value) => PanelWidth * panel.X.Position(value);
        double Y(double value) => PanelHeight * (1 - panel.Y.Position(value));

        Line(svg, $"""<text y="-12" font-size="14" font-weight="600">{Escape(panel.Title)}</text>""");
        foreach (double tick in panel.Y.Ticks)
        {
            Line(svg, $"""<path class="grid" d="M0 {Y(tick):0.#}H{PanelWidth}"/>""");
            Line(svg, $"""<text x="-8" y="{Y(tick) + 4.5:0.#}" text-anchor="end">{panel.Y.Format(tick)}</text>""");
        }

        foreach (double tick in panel.X.Ticks)
        {
            Line(svg, $"""<path class="tick" d="M{X(tick):0.#} {PanelHeight}v5"/>""");
            Line(svg, $"""<text x="{X(tick):0.#}" y="{PanelHeight + 20}" text-anchor="middle">{panel.X.Format(tick)}</text>""");
        }

        Line(svg, $"""<text x="{PanelWidth / 2}" y="{PanelHeight + 40}" text-anchor="middle">{Escape(panel.X.Title)}</text>""");
        if (panel.Goal is double goal)
            Line(svg, $"""<path d="M0 {Y(goal):0.#}H{PanelWidth}" {GoalStyle}/>""");

        foreach (Series series in panel.Series)
            DrawSeries(svg, series, X, Y);
    }

    private static void DrawSeries(StringBuilder svg, Series series, Func<double, double> x, Func<double, double> y)
    {
        // What is no number, or too large for one, has no place in a picture.
        int[] shown = [.. Enumerable.Range(0, series.Points.Count).Where(i => double.IsFinite(series.Points[i].Y))];
        if (series.Deviations.Count > 0)
        {
            IEnumerable<string> upper = shown.Select(i => Point(series.Points[i].X, series.Points[i].Y + series.Deviations[i]));
            IEnumerable<string> lower = shown.Reverse().Select(i => Point(series.Points[i].X, series.Points[i].Y - series.Deviations[i]));
            Line(svg, $"""<polygon points="{string.Join(' ', upper.Concat(lower))}" fill="{series.Color}" fill-opacity="0.16"/>""");
        }

        Line(svg, $"""<polyline points="{string.Join(' ', shown.Select(i => Point(series.Points[i].X, series.Points[i].Y)))}" {LineStyle(series)}/>""");
        if (shown.Length <= MostMarkedPoints)
        {
            foreach (int i in shown)
                Line(svg, $"""<circle cx="{x(series.Points[i].X):0.#}" cy="{y(series.Points[i].Y):0.#}" r="3" fill="{series.Color}"/>""");
        }

        string Point(double pointX, double pointY) => FormattableString.Invariant($"{x(pointX):0.#},{y(pointY):0.#}");
    }

    private static void Line(StringBuilder svg, FormattableString line) => svg.Append(FormattableString.Invariant(line)).Append('\n');

    private static string Escape(string text) => SecurityElement.Escape(text);
}
