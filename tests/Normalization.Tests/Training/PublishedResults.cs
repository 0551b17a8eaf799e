using Normalization.PublicApi.Tests;
using Normalization.Training.Claims;
using Normalization.Training.Reports;

namespace Normalization.Tests.Training;

/// <summary>The results that are committed.</summary>
internal static class PublishedResults
{
    /// <summary>The result of a claim, or null if it has none.</summary>
    public static ClaimResult? Find(string name)
    {
        string path = Path.Combine(Repository.Root, "benchmarks", "Normalization.Training", "Results", $"{name}.json");
        return File.Exists(path) ? ResultStore.FromJson(File.ReadAllText(path)) : null;
    }
}
