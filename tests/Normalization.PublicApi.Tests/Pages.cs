namespace Normalization.PublicApi.Tests;

/// <summary>The pages that people read: README.md, those of the packages, of the benchmarks and of .github/docs.</summary>
internal static class Pages
{
    public const string Readme = "README.md";

    /// <summary>The READMEs of the packages, which have to make sense without the repository around them.</summary>
    public static IReadOnlyList<string> OfPackages { get; } =
        [.. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"))
            .Select(static folder => Path.Combine("src", Path.GetFileName(folder), Readme))];

    /// <summary>All of them, by their paths in the repository.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Readme,
        Path.Combine("benchmarks", Readme),
        Path.Combine("benchmarks", "Normalization.Benchmarks", "Peers", Readme),
        Path.Combine("benchmarks", "Normalization.Benchmarks", "Synchronization", Readme),
        Path.Combine("benchmarks", "Normalization.Training", "Data", Readme),
        .. OfPackages,
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, ".github", "docs"), "*.md")
            .Select(static path => Path.GetRelativePath(Repository.Root, path)),
    ];

    /// <summary>The texts of all of them, one after another.</summary>
    public static string Text { get; } = string.Concat(All.Select(static page => Repository.Read(page)));
}
