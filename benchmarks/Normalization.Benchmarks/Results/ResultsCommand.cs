namespace Normalization.Benchmarks.Results;

/// <summary>The <c>results</c> command: measures, or reads what was measured, and writes the page and the picture.</summary>
internal static class ResultsCommand
{
    private const string Usage = "results [--from FILE.json] [--to FOLDER]";
    private const string Page = "RESULTS.md", Picture = "speed.svg";

    /// <summary>Runs the command and returns the exit status.</summary>
    public static int Run(string[] arguments, IReadOnlyList<IContender> contenders)
    {
        string? from = null;
        string to = "benchmarks";
        for (int i = 0; i < arguments.Length; i += 2)
        {
            switch (arguments[i])
            {
                case "--from" when i + 1 < arguments.Length: from = arguments[i + 1]; break;
                case "--to" when i + 1 < arguments.Length: to = arguments[i + 1]; break;
                default: return Fail($"unknown option or missing value: {arguments[i]}");
            }
        }

        if (!Directory.Exists(to))
            return Fail($"there is no folder '{to}'; run this from the root of the repository or say --to");
        if (from is not null && !File.Exists(from))
            return Fail($"there is no file '{from}'");
        string measured = from ?? Path.GetTempFileName();
        try
        {
            if (from is null && PeerComparison.Run(["--threads", "2,1", "--rounds", "2", "--milliseconds", "30", "--json", measured], contenders) is not 0 and var status)
                return status;
            Timing[] timings = Timing.Read(measured);
            if (timings.Length == 0)
                return Fail($"'{measured}' holds no timing");
            File.WriteAllText(Path.Combine(to, Page), ResultPage.Write(timings));
            File.WriteAllText(Path.Combine(to, Picture), SpeedPicture.Draw(timings, timings.Max(t => t.Threads)));
            Console.WriteLine($"wrote {Path.Combine(to, Page)} and {Path.Combine(to, Picture)}");
            return 0;
        }
        finally
        {
            if (from is null)
                File.Delete(measured);
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine($"{message}\nusage: {Usage}");
        return 2;
    }
}
