using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>The folder that <c>--output</c> names. It has to exist, so that a mistake in the name makes no new folder.</summary>
internal static class OutputFolder
{
    public static void Require(string folder)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"there is no folder '{folder}'; run this at the top of the repository, or say --output");
    }
}
