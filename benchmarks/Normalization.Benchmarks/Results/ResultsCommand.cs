using Normalization.Programs;

namespace Normalization.Benchmarks.Results;

/// <summary>The <c>results</c> command: measures, or reads what was measured, and writes the page and the picture.</summary>
internal static class ResultsCommand
{
    public const string Synopsis = "[--data FILE] [--output DIR]";
    private const string Page = "RESULTS.md", Picture = "speed.svg", Usual = "benchmarks";

    public static string Description =>
        $"""
        all of peers with two threads and one, as a page ({Page}) and a picture ({Picture})
        --data: the file that peers has written, instead of measuring; --output: the folder, {Usual} unless it is named
        """;

    /// <summary>Runs the command and returns the exit code.</summary>
    public static int Run(Options options, IReadOnlyList<IContender> contenders)
    {
        (string? data, string folder) = (options.Text("--data"), options.Text("--output") ?? Usual);
        options.RejectUnknown();
        OutputFolder.Require(folder);
        if (data is not null && !File.Exists(data))
            throw new UsageException($"there is no file '{data}'");
        string measured = data ?? Path.GetTempFileName();
        try
        {
            if (data is null)
                PeerComparison.Measure(contenders, new([2, 1], Rounds: 2, Milliseconds: 30), ComparisonCase.All, measured);
            Timing[] timings = Timing.Read(measured);
            if (timings.Length == 0)
                throw new UsageException($"'{measured}' holds no timing");
            File.WriteAllText(Path.Combine(folder, Page), ResultPage.Write(timings));
            File.WriteAllText(Path.Combine(folder, Picture), SpeedPicture.Draw(timings, timings.Max(t => t.Threads)));
            Console.WriteLine($"wrote {Path.Combine(folder, Page)} and {Path.Combine(folder, Picture)}");
            return 0;
        }
        finally
        {
            if (data is null)
                File.Delete(measured);
        }
    }
}
