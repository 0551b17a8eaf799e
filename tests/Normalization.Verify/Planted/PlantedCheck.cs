using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Normalization.Verify.Planted;

/// <summary>Plants each bug in a copy of the sources, builds it, and expects the one test that is named for it to fail.</summary>
internal static partial class PlantedCheck
{
    // The package of MPI uses the library, which is built with it.
    private const string Folder = "src", Packages = "src/Normalization.Mpi";

    private const string Tests = "tests/Normalization.Tests", Output = "bin/Release/net10.0";

    private static readonly string[] _left = ["bin", "obj", "TestResults", "StrykerOutput"];

    public static bool Check(TextWriter log, string? only)
    {
        PlantedBug[] bugs = [.. PlantedBugs.All.Where(bug => only is null || bug.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
        DirectoryInfo copy = Directory.CreateTempSubdirectory("normalization-planted-");
        try
        {
            Copy(Root(), copy);
            Build(copy.FullName, Tests);
            (int exitCode, string output) = RunTests(copy.FullName, [.. bugs.Select(static bug => bug.Test).Distinct()]);
            if (exitCode != 0)
                throw new InvalidOperationException($"The tests fail without any bug:\n{output}");
            int survivors = 0;
            foreach (PlantedBug bug in bugs)
            {
                var clock = Stopwatch.StartNew();
                bool isKilled = IsKilled(copy.FullName, bug, out string how);
                survivors += isKilled ? 0 : 1;
                log.WriteLine($"{how,-9} {bug.Name}: {bug.Test}, {clock.Elapsed.TotalSeconds:F0} s");
            }
            log.WriteLine($"{bugs.Length - survivors} of {bugs.Length} planted bugs are noticed by their tests");
            return survivors == 0 && bugs.Length > 0;
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    /// <summary>The folder of the checkout that this program was built in.</summary>
    public static string Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Normalization.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException("The program must run inside a checkout of the repository.");
    }

    /// <summary>The text of every source of a checkout, by its path.</summary>
    public static Dictionary<string, string> Sources(string root)
    {
        string folder = Path.Combine(root, Folder);
        return Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(folder, path).Split(Path.DirectorySeparatorChar).Intersect(_left).Any())
            .ToDictionary(static path => path, File.ReadAllText);
    }

    private static bool IsKilled(string copy, PlantedBug bug, out string how)
    {
        Dictionary<string, string> sources = Sources(copy);
        IReadOnlyDictionary<string, string> changed = bug.Plant(sources);
        try
        {
            foreach ((string path, string text) in changed)
                File.WriteAllText(path, text);
            Build(copy, Packages);
            foreach (string built in Directory.EnumerateFiles(Path.Combine(copy, Packages, Output), "Normalization.*"))
                File.Copy(built, Path.Combine(copy, Tests, Output, Path.GetFileName(built)), overwrite: true);
            (int exitCode, string output) = RunTests(copy, [bug.Test]);
            // A process without a summary has crashed, as a misaligned store does; one without an end proves nothing.
            how = exitCode == 0 ? "SURVIVED" : exitCode == ChildProcess.NoAnswer ? "NO ANSWER" : Summary().IsMatch(output) ? "failed" : "crashed";
            return exitCode is not (0 or ChildProcess.NoAnswer);
        }
        finally
        {
            foreach (string path in changed.Keys)
                File.WriteAllText(path, sources[path]);
        }
    }

    private static void Build(string copy, string project)
    {
        (int exitCode, string output) = ChildProcess.RunHost(
            copy, ["build", project, "-c", "Release", "-nologo", "-p:TreatWarningsAsErrors=false", "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false"]);
        if (exitCode != 0)
            throw new InvalidOperationException($"{project} does not build:\n{output}");
    }

    private static (int ExitCode, string Output) RunTests(string copy, string[] tests)
    {
        string folder = Path.Combine(copy, Tests, Output);
        string[] methods = [.. tests.SelectMany(static test => new[] { "-method", $"Normalization.Tests.{test}" })];
        (int exitCode, string output) = ChildProcess.RunHost(folder, ["Normalization.Tests.dll", "-noColor", "-noLogo", "-stopOnFail", .. methods]);
        if (exitCode == 0 && Summary().Match(output) is { Success: true, Groups: var groups } && groups[1].Value == "0")
            throw new InvalidOperationException($"There are no such tests: {string.Join(", ", tests)}");
        return (exitCode, output);
    }

    private static void Copy(string root, DirectoryInfo copy)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(root))
        {
            string name = Path.GetFileName(entry), target = Path.Combine(copy.FullName, name);
            if (File.Exists(entry))
                File.Copy(entry, target);
            else if (!_left.Contains(name) && !name.StartsWith('.'))
                Copy(entry, Directory.CreateDirectory(target));
        }
    }

    [GeneratedRegex(@"Total: (\d+), Errors: \d+, Failed: \d+")]
    private static partial Regex Summary();
}
