using Normalization.Training.Data;

namespace Normalization.Training.Claims.Method;

/// <summary>The images of a run: to learn from, to choose settings by, and to report.</summary>
internal sealed record ClaimData(string Name, ImageSet Train, ImageSet Validation, ImageSet Test)
{
    private const int MostImages = 8000;
    private const int MostTestImages = 2000;

    /// <summary>The accuracy at which a network counts as having learned what it should.</summary>
    public required double Good { get; init; }

    /// <summary>The accuracy at which a network counts as training at all.</summary>
    public required double Fair { get; init; }

    public static ClaimData Digits() => Of(DataSource.Load(DataSource.Digits));

    /// <summary>Of a large set, a part that leaves time for many runs.</summary>
    public static ClaimData Of(DataSource source)
    {
        (ImageSet train, ImageSet validation) = source.Train.Some(MostImages).Split();
        return new(source.Name, train, validation, source.Test.Some(MostTestImages)) { Good = source.Good, Fair = source.Fair };
    }

    public string Describe() =>
        $"{Name}: {Train.Count:N0} images to learn from, {Validation.Count:N0} to choose settings by, {Test.Count:N0} to report; an "
        + $"accuracy of {Good:P0} counts as good, one of {Fair:P0} as fair";
}
