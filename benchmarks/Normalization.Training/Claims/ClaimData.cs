using Normalization.Training.Data;

namespace Normalization.Training.Claims;

/// <summary>The images of a run: to learn from, to choose settings by, and to report.</summary>
internal sealed record ClaimData(string Name, ImageSet Train, ImageSet Validation, ImageSet Test)
{
    private const int MostImages = 8000;
    private const int MostTestImages = 2000;

    /// <summary>The accuracy at which a network counts as having learnt what it should.</summary>
    public required double Good { get; init; }

    /// <summary>The accuracy at which a network counts as training at all.</summary>
    public required double Fair { get; init; }

    public static ClaimData Digits()
    {
        (ImageSet rest, ImageSet test) = DigitReader.ReadEmbedded().Split();
        (ImageSet train, ImageSet validation) = rest.Split();
        return new("8x8 digits", train, validation, test) { Good = 0.95, Fair = 0.90 };
    }

    public static ClaimData FashionMnist(string folder)
    {
        (ImageSet rest, ImageSet test) = IdxReader.ReadFolder(folder);
        (ImageSet train, ImageSet validation) = rest.Some(MostImages).Split();
        return new("Fashion-MNIST", train, validation, test.Some(MostTestImages)) { Good = 0.83, Fair = 0.75 };
    }
}
