namespace Normalization.Training;

/// <summary>What the person who started the program wants.</summary>
internal sealed record CompareOptions
{
    public bool Help { get; init; }

    public bool Quick { get; init; }

    public int Seed { get; init; } = 1;

    public string? DataPath { get; init; }

    public string OutputPath { get; init; } = Path.Combine(Path.GetTempPath(), "normalization-training.svg");

    public static string HelpText =>
        $"""
        Trains a small convolutional network and a deep sigmoid perceptron (MLP) on 8x8 images
        of handwritten digits, without normalization and with the layers of this library, at a
        small and a large learning rate. Prints a table and draws the learning curves.
        'claims --help' tells of the other command, which puts what is said of normalization to the test.

        Options:
          --quick        a few steps of everything, in seconds: shows that it works, not what it buys
          --seed N       whole number that fixes first weights and batches (default 1)
          --data FILE    other digits: 65 comma-separated numbers a line, 64 pixels from 0 to 16
                         and the class from 0 to 9; may be gzipped (default: the digits inside)
          --output FILE  where the picture (SVG) goes
                         (default {new CompareOptions().OutputPath})
          --help         this text

        The command 'distributed' trains over several ranks instead; 'distributed --help' has more.

        Exit code: 0 done, 2 wrong option or file, 130 stopped by Ctrl-C.

        """;

    public static CompareOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new CompareOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.Next())
        {
            options = reader.Current switch
            {
                "--help" or "-h" => options with { Help = reader.Flag() },
                "--quick" => options with { Quick = reader.Flag() },
                "--seed" => options with { Seed = reader.Number(int.MinValue, int.MaxValue) },
                "--data" => options with { DataPath = reader.Value() },
                "--output" => options with { OutputPath = reader.Value() },
                _ => throw reader.Unknown(),
            };
        }

        return options;
    }
}
