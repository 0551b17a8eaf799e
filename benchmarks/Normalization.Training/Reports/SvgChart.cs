using System.Security;
using System.Text;

namespace Normalization.Training.Reports;

/// <summary>Draws panels, two in a row, with a common legend.</summary>
internal static class SvgChart
{
    private const int Columns = 2;
    private const int PanelWidth = 400;
    private const int PanelHeight = 240;
    private const int Left = 60;
    private const int Top = 110;
    private const int ColumnGap = 60;
    private const int RowGap = 80;
    private const int RightMargin = 30;
    private const int BottomMargin = 60;
    private const int LegendEntryWidth = 138;
    private const string GoalStroke = """stroke="#999999" stroke-dasharray="4 4" """;

    /// <param name="title">The heading of the picture.</param>
    /// <param name="xTitle">What the horizontal axes count.</param>
    /// <param name="goal">The height of a dashed line across every panel.</param>
    /// <param name="panels">The panels, row by row.</param>
    public static string Draw(string title, string xTitle, double goal, IReadOnlyList<Panel> panels)
    {
        int rows = (panels.Count + Columns - 1) / Columns;
        int width = Left + Columns * PanelWidth + (Columns - 1) * ColumnGap + RightMargin;
        int height = Top + rows * PanelHeight + (rows - 1) * RowGap + BottomMargin;

        var svg = new StringBuilder();
        Line(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">""");
        Line(svg, $"""<title>{Escape(title)}</title>""");
        Line(svg, $"""<rect width="{width}" height="{height}" fill="#ffffff"/>""");
        Line(svg, $"""<g font-family="system-ui, sans-serif" font-size="13" fill="#333333">""");
        Line(svg, $"""<text x="{Left}" y="36" font-size="20" font-weight="600">{Escape(title)}</text>""");
        DrawLegend(svg, panels.SelectMany(p => p.Series).DistinctBy(s => s.Name), goal);
        for (int i = 0; i < panels.Count; i++)
        {
            int x = Left + i % Columns * (PanelWidth + ColumnGap);
            int y = Top + i / Columns * (PanelHeight + RowGap);
            Line(svg, $"""<g transform="translate({x} {y})">""");
            DrawPanel(svg, panels[i], xTitle, goal);
            Line(svg, $"</g>");
        }

        Line(svg, $"</g></svg>");
        return svg.ToString();
    }

    private static void DrawLegend(StringBuilder svg, IEnumerable<Series> entries, double goal)
    {
        int x = Left;
        foreach (Series entry in entries)
        {
            Line(svg, $"""<path d="M{x} 62h24" stroke="{entry.Color}" stroke-width="3"/>""");
            Line(svg, $"""<text x="{x + 31}" y="66">{Escape(entry.Name)}</text>""");
            x += LegendEntryWidth;
        }

        Line(svg, $"""<path d="M{x} 62h24" {GoalStroke}/><text x="{x + 31}" y="66">{goal:P0}</text>""");
    }

    private static void DrawPanel(StringBuilder svg, Panel panel, string xTitle, double goal)
    {
        double greatest = panel.Series.Max(s => s.Points.Max(p => p.X));
        double X(double value) => PanelWidth * value / greatest;
        double Y(double value) => PanelHeight * (1 - value);

        Line(svg, $"""<text y="-12" font-size="14" font-weight="600">{Escape(panel.Title)}</text>""");
        for (int percent = 0; percent <= 100; percent += 20)
        {
            double y = Y(percent / 100.0);
            Line(svg, $"""<path d="M0 {y:0.#}H{PanelWidth}" stroke="#e4e4e4"/>""");
            Line(svg, $"""<text x="-8" y="{y + 4.5:0.#}" text-anchor="end">{percent} %</text>""");
        }

        double spacing = TickSpacing(greatest);
        for (double x = 0; x <= greatest; x += spacing)
        {
            Line(svg, $"""<path d="M{X(x):0.#} {PanelHeight}v5" stroke="#999999"/>""");
            Line(svg, $"""<text x="{X(x):0.#}" y="{PanelHeight + 20}" text-anchor="middle">{x}</text>""");
        }

        Line(svg, $"""<text x="{PanelWidth / 2}" y="{PanelHeight + 40}" text-anchor="middle">{Escape(xTitle)}</text>""");
        Line(svg, $"""<path d="M0 {Y(goal):0.#}H{PanelWidth}" {GoalStroke}/>""");
        foreach (Series series in panel.Series)
        {
            IEnumerable<string> points = series.Points.Select(p => $"{X(p.X):0.#},{Y(p.Y):0.#}");
            string style = $"""fill="none" stroke="{series.Color}" stroke-width="2" stroke-linejoin="round" """;
            Line(svg, $"""<polyline points="{string.Join(' ', points)}" {style}/>""");
        }
    }

    /// <summary>1, 2 or 5 times a power of ten, so that a panel has five to ten ticks.</summary>
    private static double TickSpacing(double greatest)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(greatest / 5)));
        double digit = greatest / 5 / power;
        return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
    }

    private static void Line(StringBuilder svg, FormattableString line) => svg.Append(FormattableString.Invariant(line)).Append('\n');

    private static string Escape(string text) => SecurityElement.Escape(text);
}
