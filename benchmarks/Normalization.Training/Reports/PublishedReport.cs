using System.Text.RegularExpressions;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;

namespace Normalization.Training.Reports;

/// <summary>What the repository shows of the claims: the report, the table of the documentation and its pictures. All of it comes from
/// the results.</summary>
internal sealed partial class PublishedReport(string root)
{
    private const string Begin = "<!-- claims: written by the command 'report' -->\n";
    private const string End = "<!-- end of claims -->";
    private const string Pictures = ".github/pictures";
    private const string Page = ".github/docs/claims.md";

    public ResultStore Store { get; } = new(Path.Combine(root, "benchmarks", "Normalization.Training", "Results"));

    /// <summary>Each file that shows results, with what it should hold.</summary>
    public IReadOnlyList<(string Path, string Content)> Files()
    {
        IReadOnlyList<ClaimResult> results = Store.Load();
        string page = Path.Combine(root, Page), text = Read(page);
        return
        [
            (Store.PagePath, Store.Page()),
            (page, WithTable(text, results)),
            .. PictureName().Matches(text).Select(match => match.Groups[1].Value).Distinct()
                .SelectMany(name => results.Where(result => result.Name == name))
                .Select(result => (Path.Combine(root, Pictures, $"{result.Name}.svg"), ResultStore.Picture(result))),
        ];
    }

    /// <summary>The files that show something else than the results.</summary>
    public IReadOnlyList<string> Outdated() =>
        [.. Files().Where(file => !File.Exists(file.Path) || Read(file.Path) != file.Content)
            .Select(file => Path.GetRelativePath(root, file.Path))];

    private static string WithTable(string page, IReadOnlyList<ClaimResult> results)
    {
        int begin = page.IndexOf(Begin, StringComparison.Ordinal), end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            throw new UsageException($"{Page} has no place for the table, from '{Begin.TrimEnd()}' to '{End}'");

        IEnumerable<string> rows = results.Select(result =>
            $"| `{result.Name}`: {AllClaims.Of(result).Title} | {result.Verdict.DisplayName()} | {result.Outcome.KeyFigure} |\n");
        return page[..(begin + Begin.Length)] + "\n| claim | verdict | seen |\n|---|---|---|\n" + string.Concat(rows) + "\n" + page[end..];
    }

    private static string Read(string path) => File.ReadAllText(path).ReplaceLineEndings("\n");

    [GeneratedRegex(@"\.\./pictures/([a-z-]+)\.svg")]
    private static partial Regex PictureName();
}
