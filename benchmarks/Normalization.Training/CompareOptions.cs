using System.Globalization;

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

        Options:
          --quick        a few steps of everything, in seconds: shows that it works, not what it buys
          --seed N       whole number that fixes first weights and batches (default 1)
          --data FILE    other digits: 65 comma-separated numbers a line, 64 pixels from 0 to 16
                         and the class from 0 to 9; may be gzipped (default: the digits inside)
          --output FILE  where the picture (SVG) goes
                         (default {new CompareOptions().OutputPath})
          --help         this text

        Exit code: 0 done, 2 wrong option or file, 130 stopped by Ctrl-C.

        """;

    public static CompareOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new CompareOptions();
        for (int i = 0; i < arguments.Count; i++)
        {
            string[] parts = arguments[i].Split('=', 2);
            options = parts[0] switch
            {
                "--help" or "-h" => options with { Help = Flag() },
                "--quick" => options with { Quick = Flag() },
                "--seed" => options with { Seed = ParseSeed(Value()) },
                "--data" => options with { DataPath = Value() },
                "--output" => options with { OutputPath = Value() },
                _ => throw new UsageException($"unknown argument '{arguments[i]}'; --help lists the options"),
            };

            bool Flag() => parts.Length == 1 ? true : throw new UsageException($"{parts[0]} takes no value");

            string Value()
            {
                string? value = parts.Length == 2 ? parts[1] : i + 1 < arguments.Count ? arguments[++i] : null;
                return string.IsNullOrEmpty(value) ? throw new UsageException($"{parts[0]} needs a value") : value;
            }
        }

        return options;
    }

    private static int ParseSeed(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int seed)
            ? seed
            : throw new UsageException($"--seed needs a whole number from {int.MinValue} to {int.MaxValue}, not '{text}'");
}
