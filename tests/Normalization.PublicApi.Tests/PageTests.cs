using System.Text.RegularExpressions;

namespace Normalization.PublicApi.Tests;

/// <summary>What the pages promise by being there: links that lead somewhere, a README that can be read in one go, one spelling.</summary>
[Collection("Samples write to the console")]
public sealed partial class PageTests
{
    private const int ReadmeLimit = 11_000;

    private static readonly string[] _british =
        ["synchronis", "normalis", "initialis", "neighbour", "behaviour", "colour", "centre", "centring", "licence", "optimis", "generalis"];

    public static TheoryData<string> All => [.. Pages.All];

    public static TheoryData<string> OfPackages => [.. Pages.OfPackages];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_link_of_a_page_leads_to_a_file_and_a_heading(string page)
    {
        foreach (string link in Links(page).Where(static link => !IsAbsolute(link)))
        {
            string[] parts = link.Split('#');
            string target = parts[0].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, parts[0]);
            File.Exists(Path.Combine(Repository.Root, target)).Should().BeTrue("{0} links to {1}", page, link);
            if (parts.Length == 2)
                Headings(target).Should().Contain(parts[1], "{0} links to {1}", page, link);
        }
    }

    [Theory]
    [MemberData(nameof(OfPackages))]
    public void The_readme_of_a_package_needs_nothing_of_the_repository(string page)
    {
        Links(page).Where(static link => !IsAbsolute(link)).Should().BeEmpty("the package is shown elsewhere");
        Repository.Read(page).Should().NotContain("<img", "pictures of the repository are not there");
        Repository.Read(page).Should().NotContain("![");
    }

    [Fact]
    public void The_readme_can_be_read_in_one_go() =>
        new FileInfo(Path.Combine(Repository.Root, Pages.Readme)).Length.Should().BeLessThan(ReadmeLimit, "the rest belongs to .github/docs");

    [Fact]
    public void The_readme_leads_to_every_page_of_the_documentation() =>
        Links(Pages.Readme).Select(static link => link.Split('#')[0])
            .Should().Contain(Pages.All.Where(static page => page.StartsWith(".github", StringComparison.Ordinal))
                .Select(static page => page.Replace('\\', '/')));

    [Theory]
    [MemberData(nameof(All))]
    public void A_page_is_spelled_as_the_names_in_the_code_are(string page) =>
        _british.Where(word => Repository.Read(page).Contains(word, StringComparison.OrdinalIgnoreCase)).Should().BeEmpty();

    private static bool IsAbsolute(string link) => link.StartsWith("https://", StringComparison.Ordinal);

    private static IEnumerable<string> Links(string page) =>
        Link().Matches(Repository.Read(page)).Select(static match => match.Groups["to"].Value);

    /// <summary>The anchors that GitHub makes of the headings.</summary>
    private static IEnumerable<string> Headings(string page) => Heading().Matches(Repository.Read(page))
        .Select(static match => NotInAnchors().Replace(match.Groups["text"].Value.ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex("""\]\((?<to>[^)\s]+)\)|src="(?<to>[^"]+)""")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
