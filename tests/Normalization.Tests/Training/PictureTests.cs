using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Normalization.Benchmarks.Pictures;
using Normalization.PublicApi.Tests;
using Normalization.Training.Claims;
using Normalization.Training.Reports;

namespace Normalization.Tests.Training;

/// <summary>What is drawn, by the boxes that its texts take at most.</summary>
public sealed partial class PictureTests
{
    private static readonly Series _line = new("a", Palette.Blue, [new(0, 0.2), new(1, 0.8)]);

    public static TheoryData<string> Results =>
        [.. AllClaims.List.Select(static claim => claim.Name).Where(static name => Result(name) is not null)];

    [Theory]
    [MemberData(nameof(Results))]
    public void No_text_of_a_published_picture_overlaps_another_or_is_clipped(string name)
    {
        ClaimResult result = Result(name)!;
        RequireRoom(ResultStore.Picture(result));
        foreach (Panel chart in result.Outcome.Charts)
            RequireRoom(SvgChart.Draw("", [chart]));
    }

    [Fact]
    public void No_text_of_the_picture_of_shared_statistics_overlaps_another_or_is_clipped() => RequireRoom(StatisticsPicture.Draw());

    [Fact]
    public void The_pictures_of_the_documentation_are_those_that_the_command_draws()
    {
        Repository.Read(".github", "pictures", PicturesCommand.StatisticsName).Should().Be(StatisticsPicture.Draw());
        byte[] icon = File.ReadAllBytes(Path.Combine(Repository.Root, ".github", "pictures", PicturesCommand.IconName));
        Pixels(icon).Should().Equal(Pixels(Png.Encode(Icon.Draw(), Icon.Size)));
    }

    [Fact]
    public void Long_titles_and_many_names_find_room()
    {
        string title = string.Join(' ', Enumerable.Repeat("something long", 9));
        Series[] lines =
            [.. new[] { Palette.Blue, Palette.Green, Palette.Orange, Palette.Pink }.Select(static color =>
                new Series($"a long name of a line in {color}", color, [new(0, 0), new(1, 1)]))];
        RequireRoom(SvgChart.Draw(title,
            [new Panel(title, Axis.Logarithmic([1, 1.1, 1.2, 2, 100_000], "x"), Axis.Linear(0, 1e7), lines) { Goal = 5e6 }]));
    }

    [Fact]
    public void The_check_of_boxes_notices_overlap_and_clipping()
    {
        FluentActions.Invoking(static () => RequireRoom(Svg("""<text x="10" y="20">first</text><text x="20" y="25">second</text>"""))).Should().Throw<Exception>();
        FluentActions.Invoking(static () => RequireRoom(Svg("""<text x="90" y="20">beyond the edge</text>"""))).Should().Throw<Exception>();
        RequireRoom(Svg("""<text x="10" y="20">first</text><text x="10" y="40">second</text>"""));

        static string Svg(string texts) => $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{texts}</svg>""";
    }

    [Fact]
    public void A_name_has_one_color_in_all_panels_and_a_color_one_name()
    {
        Panel panel = new("p", Axis.Linear(0, 1), Axis.Percent(), [_line]);
        SvgChart.Draw("", [panel, panel]).Should().NotBeEmpty();
        FluentActions.Invoking(() => SvgChart.Draw("", [panel, panel with { Series = [_line with { Color = Palette.Green }] }])).Should()
            .Throw<ArgumentException>();
        FluentActions.Invoking(() => SvgChart.Draw("", [panel, panel with { Series = [_line with { Name = "b" }] }])).Should()
            .Throw<ArgumentException>();
    }

    [Fact]
    public void The_legend_names_every_line_the_goal_and_what_diverged()
    {
        Panel first = new("p", Axis.Linear(0, 1), Axis.Percent(), [_line]);
        Panel second = first with { Series = [new Series("b", Palette.Green, [new(0, 1)]) { Diverged = [1] }], Goal = 0.9 };
        string[] texts = [.. Texts(SvgChart.Draw("", [first, second])).Select(static t => t.Text)];
        texts.Should().Contain(["a", "b", "goal: 90 %", "every run diverged"]);
    }

    [Fact]
    public void Lines_that_lie_on_each_other_are_dashed_and_others_are_not()
    {
        (double, double)[] low = [(0, 10), (50, 10), (100, 10)], near = [(0, 11), (50, 11), (100, 10)], high =
            [(0, 90), (50, 80), (100, 10)];
        IReadOnlyList<string> dashes = Coincidence.Dashes([low, high, near]);
        dashes[1].Should().BeEmpty();
        dashes[0].Should().Contain("stroke-dasharray=\"7 7\"").And.Contain("stroke-dashoffset=\"0\"");
        dashes[2].Should().Contain("stroke-dasharray=\"7 7\"").And.Contain("stroke-dashoffset=\"-7\"");
    }

    [Fact]
    public void Letters_have_the_same_size_in_single_and_paired_charts()
    {
        Panel panel = new("p", Axis.Linear(0, 1), Axis.Percent(), [_line]);
        Width(SvgChart.Draw("", [panel])).Should().Be(Width(SvgChart.Draw("t", [panel, panel])));

        static string Width(string svg) => XDocument.Parse(svg).Root!.Attribute("width")!.Value;
    }

    /// <summary>The pixels of a PNG file of three chunks. The compressed bytes may differ between versions of the runtime.</summary>
    private static byte[] Pixels(byte[] png)
    {
        const int signature = 8, chunk = 12, header = 13, length = signature + chunk + header;
        using var zip = new ZLibStream(
            new MemoryStream(png, length + 8, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(length))), CompressionMode.Decompress);
        using var pixels = new MemoryStream();
        zip.CopyTo(pixels);
        return pixels.ToArray();
    }

    private static ClaimResult? Result(string name) => PublishedResults.Find(name);

    private static void RequireRoom(string svg)
    {
        double[] view = [.. XDocument.Parse(svg).Root!.Attribute("viewBox")!.Value.Split(' ').Select(Number)];
        (string Text, double Left, double Top, double Right, double Bottom)[] boxes = [.. Texts(svg)];
        boxes.Should().NotBeEmpty();
        foreach ((string text, double left, double top, double right, double bottom) in boxes)
        {
            (left >= 0 && top >= 0 && right <= view[2] && bottom <= view[3]).Should().BeTrue("'{0}' has to lie inside", text);
            foreach (var other in boxes.Where(other => (other.Text, other.Left, other.Top) != (text, left, top)))
            {
                (left < other.Right && other.Left < right && top < other.Bottom && other.Top < bottom)
                    .Should().BeFalse("'{0}' must not touch '{1}'", text, other.Text);
            }
        }
    }

    /// <summary>Every text with its box: about 0.75 of the size of the letters above the line, and 0.2 below.</summary>
    private static IEnumerable<(string Text, double Left, double Top, double Right, double Bottom)> Texts(string svg)
    {
        foreach (XElement text in XDocument.Parse(svg).Descendants().Where(static e => e.Name.LocalName == "text"))
        {
            double size = text.Attribute("font-size") is XAttribute given ? Number(given.Value) : SvgChart.LetterSize;
            double width = TextMetrics.Width(text.Value, size, text.Attribute("font-weight") is not null);
            double x = Place(text, "x"), y = Place(text, "y");
            foreach (Match move in text.Ancestors().Select(static e => Translation().Match(e.Attribute("transform")?.Value ?? ""))
                .Where(static m => m.Success))
            {
                x += Number(move.Groups[1].Value);
                y += Number(move.Groups[2].Value);
            }

            double left = text.Attribute("text-anchor")?.Value switch { "middle" => x - width / 2, "end" => x - width, _ => x };
            yield return (text.Value, left, y - 0.75 * size, left + width, y + 0.2 * size);
        }
    }

    private static double Place(XElement text, string name) => text.Attribute(name) is XAttribute place ? Number(place.Value) : 0;

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"translate\(([-\d.]+) ([-\d.]+)\)")]
    private static partial Regex Translation();
}
