namespace Normalization.Training.Data;

/// <summary>A set of images as the command line names it, split into those to train on and those to test on.</summary>
internal sealed record DataSource(string Name, ImageSet Train, ImageSet Test)
{
    public const string Digits = "digits";

    private const string DigitsFile = "digits=";
    private const string FashionMnist = "fashion-mnist=";

    /// <summary>The accuracy at which a network counts as having learned what it should.</summary>
    public required double Good { get; init; }

    /// <summary>The accuracy at which a network counts as training at all.</summary>
    public required double Fair { get; init; }

    /// <summary>Returns what names a set of images, and refuses what names none.</summary>
    public static string Check(string set) =>
        set == Digits || (set.StartsWith(DigitsFile, StringComparison.Ordinal) && set.Length > DigitsFile.Length)
            || (set.StartsWith(FashionMnist, StringComparison.Ordinal) && set.Length > FashionMnist.Length)
            ? set
            : throw new UsageException($"--data knows {Digits}, {DigitsFile}FILE and {FashionMnist}FOLDER, not '{set}'");

    public static DataSource Load(string set)
    {
        if (set.StartsWith(FashionMnist, StringComparison.Ordinal))
        {
            (ImageSet train, ImageSet test) = IdxReader.ReadFolder(set[FashionMnist.Length..]);
            return new("Fashion-MNIST", train, test) { Good = 0.83, Fair = 0.75 };
        }

        ImageSet digits = set == Digits ? DigitReader.ReadEmbedded() : DigitReader.Read(set[DigitsFile.Length..]);
        (ImageSet most, ImageSet rest) = digits.Split();
        return new("8x8 digits", most, rest) { Good = 0.95, Fair = 0.90 };
    }
}
