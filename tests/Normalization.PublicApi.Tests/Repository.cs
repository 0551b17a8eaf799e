namespace Normalization.PublicApi.Tests;

/// <summary>Files of the checkout that the tests run in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string TestProject { get; } = Path.Combine(Root, "tests", "Normalization.PublicApi.Tests");

    public static string Read(params ReadOnlySpan<string> path) => Normalize(File.ReadAllText(Path.Combine([Root, .. path])));

    /// <summary>A checkout may have other line ends than the texts it is compared with.</summary>
    public static string Normalize(string text) => text.ReplaceLineEndings("\n");

    // Source paths are mapped away in deterministic builds, so the caller's file path does not lead here.
    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Normalization.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException("The tests must run inside a checkout of the repository.");
    }
}
