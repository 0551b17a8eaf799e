namespace Normalization.Training.Commands;

/// <summary>The common options and, without mpirun, how many threads stand for ranks.</summary>
internal sealed record DistributedOptions(CommonOptions Common, int? Ranks)
{
    public const int DefaultRanks = 4;
    public const string PictureName = "distributed.svg";

    private const int MostRanks = 64;

    public static string HelpText =>
        $"""
        Trains the networks data-parallel: every rank takes its part of each batch. Compares one
        process with the whole batch, ranks with synchronised BatchNorm, and ranks whose BatchNorm
        sees its own part only. Prints a table and draws the learning curves ({PictureName}). Under
        mpirun the ranks are its processes, otherwise they are threads:

          mpirun -n 4 dotnet run -c Release --no-build --project benchmarks/Normalization.Training -- distributed

        Options:
          --ranks N      threads that stand for ranks, from 1 to {MostRanks} (default {DefaultRanks}); not under mpirun
        {CommonOptions.HelpText}

        {CommonOptions.ExitCodes}
        """;

    public string PicturePath => Path.Combine(Common.Folder, PictureName);

    public static DistributedOptions Parse(IReadOnlyList<string> arguments)
    {
        int? ranks = null;
        CommonOptions common = CommonOptions.Parse(arguments, ["--ranks"], reader =>
        {
            if (reader.Current != "--ranks")
                return false;

            ranks = reader.Number(1, MostRanks);
            return true;
        });
        return new DistributedOptions(common, ranks);
    }
}
