using System.Globalization;
using System.Text;

namespace Normalization.Benchmarks.Pictures;

/// <summary>Four cubes that show which elements share a mean and a variance, in the light or the dark scheme of whoever looks at them.</summary>
internal static class StatisticsPicture
{
    private const int Samples = 4, Channels = 6, Positions = 4, GroupSize = 3;
    private const int PanelWidth = 240, PanelHeight = 264, Edge = 18, CubeTop = 62, LabelRoom = 8;

    private static readonly (string Layer, string Caption, Func<int, int, bool> IsShared)[] s_panels =
    [
        ("BatchNorm", "one channel of all samples", static (_, c) => c == Channels - 1),
        ("LayerNorm([C, H, W])", "all channels of one sample", static (n, _) => n == 0),
        ("InstanceNorm", "one channel of one sample", static (n, c) => n == 0 && c == Channels - 1),
        ("GroupNorm", "3 channels of one sample", static (n, c) => n == 0 && c >= Channels - GroupSize),
    ];

    public static string Draw()
    {
        StringBuilder cubes = new();
        for (int i = 0; i < s_panels.Length; i++)
            DrawPanel(cubes, s_panels[i], i % 2 * PanelWidth, i / 2 * PanelHeight);
        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{2 * PanelWidth}} {{2 * PanelHeight}}" width="{{2 * PanelWidth}}" font-family="system-ui, sans-serif" role="img">
            <title>Which elements of a tensor [N, C, H·W] share one mean and one variance</title>
            <style>
            .ground{fill:#fff}text{fill:#1f2328}path{stroke:#8b949e;stroke-width:.7;stroke-linejoin:round}
            .top{fill:#f3f5f7}.left{fill:#e4e8ec}.right{fill:#d3d9df}.top.shared{fill:#6db5ea}.left.shared{fill:#2287cc}.right.shared{fill:#1a6aa2}
            @media (prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}path{stroke:#6e7681}
            .top{fill:#3a414a}.left{fill:#2c323a}.right{fill:#21262d}.top.shared{fill:#7cc0f0}.left.shared{fill:#3a9adb}.right.shared{fill:#2279b5}
            }
            </style>
            <rect class="ground" width="100%" height="100%"/>
            {{cubes}}</svg>

            """;
    }

    private static void DrawPanel(StringBuilder svg, (string Layer, string Caption, Func<int, int, bool> IsShared) panel, int x, int y)
    {
        var cube = new Cube(Samples, Channels, Positions, panel.IsShared);
        double left = ((PanelWidth - (cube.Width * Edge)) / 2) + LabelRoom;
        svg.Append(CultureInfo.InvariantCulture, $"""<g transform="translate({x} {y})">""").Append('\n');
        Text(PanelWidth / 2.0, 28, "middle", panel.Layer, size: 17, """ font-weight="600" """);
        Text(PanelWidth / 2.0, 48, "middle", panel.Caption, size: 14);
        foreach (IGrouping<(Side Side, bool IsShared), Face> faces in cube.Faces()
            .GroupBy(static face => (face.Side, face.IsShared)).OrderBy(static faces => faces.Key.IsShared))
        {
            string style = faces.Key.Side.ToString().ToLowerInvariant() + (faces.Key.IsShared ? " shared" : "");
            svg.Append(CultureInfo.InvariantCulture, $"""<path class="{style}" d="{string.Concat(faces.Select(face => Outline(face, left)))}"/>""").Append('\n');
        }
        (double X, double Y) channels = cube.Corner(0, Channels / 2, Positions), samples = cube.Corner(Samples / 2, Channels, Positions);
        Text(left + (channels.X * Edge) - 8, CubeTop + (channels.Y * Edge) + 18, "end", "C", size: 15);
        Text(left + (samples.X * Edge) + 8, CubeTop + (samples.Y * Edge) + 18, "start", "N", size: 15);
        Text(left - 6, CubeTop + ((cube.Corner(0, 0, 0).Y + (Positions / 2.0)) * Edge) + 5, "end", "H·W", size: 15);
        svg.Append("</g>\n");

        void Text(double textX, double textY, string anchor, string text, int size, string more = " ") =>
            svg.Append(CultureInfo.InvariantCulture, $"""<text x="{textX:0.#}" y="{textY:0.#}" font-size="{size}"{more}text-anchor="{anchor}">{text}</text>""").Append('\n');
    }

    private static string Outline(Face face, double left) =>
        "M" + string.Join('L', face.Corners.Select(corner => $"{left + (corner.X * Edge):0.#} {CubeTop + (corner.Y * Edge):0.#}")) + "Z";
}
