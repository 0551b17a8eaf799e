using System.Text.RegularExpressions;
using Normalization.Training.Claims;

namespace Normalization.Training.Reports;

/// <summary>What the repository shows of the claims: the page, the table of README.md and its pictures. All of it comes from the
/// results.</summary>
internal sealed partial class PublishedReport(string root)
{
    private const string Begin = "<!-- claims: written by the command 'report' -->\n";
    private const string End = "<!-- end of claims -->";
    private const string Pictures = ".github/pictures";

    public ResultStore Store { get; } = new(Path.Combine(root, "benchmarks", "Normalization.Training", "Results"));

    /// <summary>Each file that shows results, with what it should hold.</summary>
    public IReadOnlyList<(string Path, string Content)> Files()
    {
        IReadOnlyList<ClaimResult> results = Store.Load();
        string readme = Path.Combine(root, "README.md"), text = Read(readme);
        return
        [
            (Store.PagePath, Store.Page()),
            (readme, WithTable(text, results)),
            .. PictureName().Matches(text).Select(match => match.Groups[1].Value).Distinct()
                .SelectMany(name => results.Where(result => result.Name == name))
                .Select(result => (Path.Combine(root, Pictures, $"{result.Name}.svg"), ResultStore.Picture(result))),
        ];
    }

    /// <summary>The files that show something else than the results.</summary>
    public IReadOnlyList<string> Outdated() =>
        [.. Files().Where(file => !File.Exists(file.Path) || Read(file.Path) != file.Content)
            .Select(file => Path.GetRelativePath(root, file.Path))];

    private static string WithTable(string readme, IReadOnlyList<ClaimResult> results)
    {
        int begin = readme.IndexOf(Begin, StringComparison.Ordinal), end = readme.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            throw new UsageException($"README.md has no place for the table, from '{Begin.TrimEnd()}' to '{End}'");

        IEnumerable<string> rows = results.Select(result =>
            $"| `{result.Name}`: {AllClaims.Of(result).Title} | {result.Verdict.DisplayName()} | {result.Outcome.KeyFigure} |\n");
        return readme[..(begin + Begin.Length)] + "\n| claim | verdict | seen |\n|---|---|---|\n" + string.Concat(rows) + "\n" + readme[end..];
    }

    private static string Read(string path) => File.ReadAllText(path).ReplaceLineEndings("\n");

    [GeneratedRegex(@"\.github/pictures/([a-z-]+)\.svg")]
    private static partial Regex PictureName();
}
