using Normalization.Training.Data;

namespace Normalization.Training.Commands;

/// <summary>The options that mean the same in every command that trains.</summary>
internal sealed record CommonOptions
{
    private static readonly string[] _names = ["--help", "--quick", "--seed", "--data", "--output"];

    public bool Help { get; init; }

    public bool Quick { get; init; }

    /// <summary>The seed of the first repetition; the next ones count up from it.</summary>
    public int Seed { get; init; } = 1;

    public string Data { get; init; } = DataSource.Digits;

    public string Output { get; init; } = Path.Combine(Path.GetTempPath(), "normalization");

    /// <summary>Where pictures and pages go. A quick run has a folder of its own, so that it overwrites nothing of a full one.</summary>
    public string Folder => Quick ? Path.Combine(Output, "quick") : Output;

    public static string HelpText =>
        $"""
          --quick        a few steps of everything, in seconds: shows that it works, not what it buys
          --seed N       whole number that fixes first weights and batches (default 1)
          --data SET     the images: digits (8x8, inside; the default), digits=FILE (65 comma-separated
                         numbers a line, 64 pixels from 0 to 16 and the class), or fashion-mnist=FOLDER
                         (its four IDX files; the Debian package dataset-fashion-mnist has them)
          --output DIR   the folder for pages and pictures; a quick run writes into its subfolder 'quick'
                         (default {new CommonOptions().Output})
          --help         this text
        """;

    public static string ExitCodes => "Exit code: 0 done, 2 wrong option or file, 3 output not written, 130 stopped by Ctrl-C.\n";

    /// <summary>Reads the common options; <paramref name="own"/> reads those of one command, and says whether the current argument is
    /// one.</summary>
    public static CommonOptions Parse(
        IReadOnlyList<string> arguments, IEnumerable<string> ownNames, Func<ArgumentReader, bool> own)
    {
        var options = new CommonOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.Next())
        {
            options = reader.Current switch
            {
                "--help" or "-h" => options with { Help = reader.Flag() },
                "--quick" => options with { Quick = reader.Flag() },
                "--seed" => options with { Seed = reader.Number(0, int.MaxValue / 2) },
                "--data" => options with { Data = DataSource.Check(reader.Value()) },
                "--output" => options with { Output = reader.Value() },
                _ => own(reader) ? options : throw reader.Unknown(_names.Concat(ownNames)),
            };
        }

        return options;
    }
}
