using Normalization.Training.Networks;

namespace Normalization.Training.Reports;

/// <summary>The palette of Okabe and Ito, which people with any kind of colour vision can tell apart,
/// in tones that show on white and on black.</summary>
internal static class Palette
{
    public const string Grey = "#858585";
    public const string Blue = "#2287cc";
    public const string Vermilion = "#d55e00";
    public const string Green = "#009e73";
    public const string Pink = "#cc79a7";
    public const string Orange = "#c98a00";
    public const string Violet = "#8c6bb1";

    public static string Color(this NormalizationKind kind) => kind switch
    {
        NormalizationKind.None => Grey,
        NormalizationKind.BatchNorm => Blue,
        NormalizationKind.LayerNorm => Vermilion,
        NormalizationKind.GroupNorm => Green,
        NormalizationKind.InstanceNorm => Pink,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
