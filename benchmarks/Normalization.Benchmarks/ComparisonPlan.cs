using System.Globalization;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>What a comparison measures: which cases, with which threads and instructions, how often and how long.</summary>
internal sealed record ComparisonPlan(
    IReadOnlyList<int> Threads, string Instructions, int Rounds, int Milliseconds, string Filter, string? Only, bool Continues)
{
    public const string Synopsis = "[--threads 1|2|1,2] [--instructions all|avx2] [--filter TEXT] [--case OPERATION:SHAPE[:GROUPS]]\n    [--rounds N] [--milliseconds N] [--continue]";

    /// <summary>Gets what the options of the synopsis mean.</summary>
    public static string Description =>
        """
        --instructions: avx2 keeps every library that can be told from wider vectors, this one in a process of its own
        --rounds: how often all are measured in turn (5); --milliseconds: how long each time (5)
        --continue: leaves out what the file of timings has already
        """;

    /// <summary>Gets the cases that are meant.</summary>
    public IEnumerable<ComparisonCase> Cases => (Only is null ? ComparisonCase.All : [Parse(Only)])
        .Where(c => c.ToString().Contains(Filter, StringComparison.OrdinalIgnoreCase));

    /// <summary>Gets the options that say the same.</summary>
    public IEnumerable<string> Arguments =>
    [
        "--threads", string.Join(',', Threads.Select(static count => $"{count}")), "--instructions", Instructions, "--rounds", $"{Rounds}", "--milliseconds", $"{Milliseconds}",
        .. Filter.Length == 0 ? (string[])[] : ["--filter", Filter], .. Only is null ? (string[])[] : ["--case", Only],
        .. Continues ? (string[])["--continue"] : [],
    ];

    public static ComparisonPlan Read(Options options, string threads)
    {
        ComparisonPlan plan = new(
            [.. (options.Text("--threads") ?? threads).Split(',').Select(static text => Positive("--threads", text))],
            Benchmarks.Instructions.Read(options),
            Positive("--rounds", options.Text("--rounds") ?? "5"),
            Positive("--milliseconds", options.Text("--milliseconds") ?? "5"),
            options.Text("--filter") ?? "",
            options.Text("--case"),
            options.Flag("--continue"));
        return plan.Cases.Any() ? plan : throw new UsageException($"--filter: no case has '{plan.Filter}' in its name");
    }

    private static ComparisonCase Parse(string text)
    {
        try
        {
            return ComparisonCase.Parse(text);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--case: {exception.Message}");
        }
    }

    private static int Positive(string option, string text) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw new UsageException($"{option}: expected a positive number, got {text}");
}
