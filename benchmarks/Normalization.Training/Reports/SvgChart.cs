using System.Security;
using System.Text;

namespace Normalization.Training.Reports;

/// <summary>Draws panels below each other with a common legend. Every picture has the same width, so that its letters have the same
/// size everywhere; it follows the light or dark scheme of whoever looks at it.</summary>
internal static class SvgChart
{
    public const int Width = 420;
    public const double LetterSize = 13;
    public const double TitleSize = 17;
    public const double PanelTitleSize = 14;

    private const int Margin = 12;
    private const int LineHeight = 20;
    private const int LegendStroke = 30;
    private const int LegendGap = 18;
    private const int PanelGap = 18;

    private const string Style =
        """
        <style>
        .chart{font:13px system-ui,sans-serif}.chart text{fill:#333}.chart .ground{fill:#fff}.chart .grid{stroke:#e4e4e4}
        .chart .tick,.chart .goal{stroke:#999}.chart .line,.chart .cross{fill:none;stroke-width:2;stroke-linejoin:round}
        @media (prefers-color-scheme:dark){.chart text{fill:#ccc}.chart .ground{fill:#16181b}.chart .grid{stroke:#33363a}}
        </style>
        """;

    /// <param name="title">The heading of the picture; none if empty.</param>
    /// <param name="panels">The panels from top to bottom. A name has one color in all of them, and a color one name.</param>
    public static string Draw(string title, IReadOnlyList<Panel> panels)
    {
        RequireOneColorForEachName(panels);
        var body = new StringBuilder();
        int top = Margin;
        if (title.Length > 0)
            top = DrawLines(body, title, TitleSize, Margin, top) + 4;

        top = DrawLegend(body, panels, top);
        foreach (Panel panel in panels)
        {
            top = DrawLines(body, panel.Title, PanelTitleSize, Margin, top + PanelGap - 4) + 10;
            top = PanelDrawing.Draw(body, panel, top);
        }

        int height = top + Margin;
        var svg = new StringBuilder();
        svg.Line($"""<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {Width} {height}" width="{Width}" role="img">""");
        svg.Line($"""<title>{Escape(title.Length > 0 ? title : panels[0].Title)}</title>""");
        svg.Append(Style).Append('\n');
        svg.Line($"""<rect class="ground" width="{Width}" height="{height}"/>""");
        svg.Append(body);
        svg.Line($"</svg>");
        return svg.ToString();
    }

    internal static void Line(this StringBuilder svg, FormattableString line) => svg.Append(FormattableString.Invariant(line)).Append('\n');

    internal static string Escape(string text) => SecurityElement.Escape(text);

    private static void RequireOneColorForEachName(IReadOnlyList<Panel> panels)
    {
        (string Name, string Color)[] pairs = [.. panels.SelectMany(p => p.Series).Select(s => (s.Name, s.Color)).Distinct()];
        if (pairs.DistinctBy(p => p.Name).Count() != pairs.Length || pairs.DistinctBy(p => p.Color).Count() != pairs.Length)
            throw new ArgumentException($"a name has two colors or a color two names in '{panels[0].Title}'", nameof(panels));
    }

    /// <summary>Writes a heading in as many lines as it needs, and returns where the last one ends.</summary>
    private static int DrawLines(StringBuilder svg, string text, double size, int left, int top)
    {
        foreach (string line in TextMetrics.Wrap(text, size, Width - left - Margin, isBold: true))
        {
            top += LineHeight;
            svg.Line($"""<text x="{left}" y="{top - 4}" font-size="{size}" font-weight="600">{Escape(line)}</text>""");
        }

        return top;
    }

    /// <summary>Names every line of the picture, and returns where the legend ends.</summary>
    private static int DrawLegend(StringBuilder svg, IReadOnlyList<Panel> panels, int top)
    {
        List<(string Name, string Symbol)> entries =
        [
            .. panels.SelectMany(p => p.Series).DistinctBy(s => s.Name)
                .Select(s => (s.Name, $"""<path d="M0 0h24" class="line" stroke="{s.Color}"/>""")),
        ];
        if (panels.FirstOrDefault(p => p.Goal is not null) is Panel { Goal: double goal } aimed)
            entries.Add(($"goal: {aimed.Y.Format(goal)}", $"""<path d="M0 0h24" {PanelDrawing.GoalStyle}/>"""));

        if (panels.Any(p => p.Series.Any(s => s.Diverged.Count > 0)))
            entries.Add(("every run diverged", $"""<path d="{PanelDrawing.Cross(12, 0)}" class="cross" stroke="#999"/>"""));

        (double x, int y) = (Margin, top + LineHeight / 2);
        foreach ((string name, string symbol) in entries)
        {
            double length = LegendStroke + TextMetrics.Width(name, LetterSize);
            if (x > Margin && x + length > Width - Margin)
                (x, y) = (Margin, y + LineHeight);

            svg.Line($"""<g transform="translate({x:0.#} {y})">{symbol}<text x="{LegendStroke}" y="4.5">{Escape(name)}</text></g>""");
            x += length + LegendGap;
        }

        return y + LineHeight / 2;
    }
}
