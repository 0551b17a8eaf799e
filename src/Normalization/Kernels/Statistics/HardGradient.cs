namespace Normalization.Kernels.Statistics;

/// <summary>
/// The input gradient of a group of doubles where a sum or a coefficient leaves the range of doubles. g = weight · dy and what is
/// subtracted from g are kept times a power of two: dx = r · 2^exponent · (g' - mean' - x̂ · slope').
/// </summary>
internal readonly struct HardGradient
{
    /// <summary>Of the largest |g|.</summary>
    public int Exponent { get; init; }

    public double Mean { get; init; }

    /// <summary>What <see cref="Mean"/> leaves of the mean.</summary>
    public double MeanRest { get; init; }

    public double Slope { get; init; }
}
