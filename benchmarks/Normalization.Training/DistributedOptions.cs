using System.Globalization;

namespace Normalization.Training;

/// <summary>The options of the comparison and, without mpirun, how many threads stand for ranks.</summary>
internal sealed record DistributedOptions(CompareOptions Common, int? Ranks)
{
    public const int DefaultRanks = 4;
    private const int MostRanks = 64;

    public static string DefaultOutputPath => Path.Combine(Path.GetTempPath(), "normalization-distributed.svg");

    public static string HelpText =>
        $"""
        Trains the networks data-parallel: every rank takes its part of each batch. Compares one
        process with the whole batch, ranks with synchronised BatchNorm, and ranks whose BatchNorm
        sees its own part only. Prints a table and draws the learning curves. Under mpirun the ranks
        are its processes, otherwise they are threads:

          mpirun -n 4 dotnet run -c Release --no-build --project benchmarks/Normalization.Training -- distributed

        Options:
          --ranks N      threads that stand for ranks, from 1 to {MostRanks} (default {DefaultRanks}); not under mpirun
          --quick        a few steps of everything, in seconds
          --seed N       whole number that fixes first weights and batches (default 1)
          --data FILE    other digits, as for the comparison
          --output FILE  where the picture (SVG) goes
                         (default {DefaultOutputPath})
          --help         this text

        Exit code: 0 done, 2 wrong option or file, 130 stopped by Ctrl-C.

        """;

    public static DistributedOptions Parse(IReadOnlyList<string> arguments)
    {
        int? ranks = null;
        var rest = new List<string>();
        for (int i = 0; i < arguments.Count; i++)
        {
            string[] parts = arguments[i].Split('=', 2);
            if (parts[0] == "--ranks")
                ranks = ParseRanks(parts.Length == 2 ? parts[1] : i + 1 < arguments.Count ? arguments[++i] : "");
            else
                rest.Add(arguments[i]);
        }

        CompareOptions common = CompareOptions.Parse(rest);
        bool isDefault = common.OutputPath == new CompareOptions().OutputPath;
        return new DistributedOptions(isDefault ? common with { OutputPath = DefaultOutputPath } : common, ranks);
    }

    private static int ParseRanks(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int ranks) && ranks is >= 1 and <= MostRanks
            ? ranks
            : throw new UsageException($"--ranks needs a whole number from 1 to {MostRanks}, not '{text}'");
}
