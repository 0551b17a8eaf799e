namespace Normalization.Kernels.Statistics;

/// <summary>
/// The mean and the variance of all parts that have been seen so far, each with what rounding has taken from it, so that many parts lose no
/// digits.
/// </summary>
internal readonly record struct PopulationMoments(double Mean, double MeanLow, double Variance, double VarianceLow)
{
    /// <summary>These and the moments of one more part.</summary>
    /// <param name="part">The moments of the part.</param>
    /// <param name="share">The share of the part in the weight of all; 1 for the first part.</param>
    /// <param name="isPooled">
    /// Whether the variance is that of all elements, to which the distance of the means belongs; if not, it is the mean of the variances.
    /// </param>
    public PopulationMoments With(in PopulationMoments part, double share, bool isPooled)
    {
        if (share == 1)
            return part;
        double distance = part.Mean - Mean + (part.MeanLow - MeanLow);
        double change = share * (part.Variance - Variance + (part.VarianceLow - VarianceLow));
        (double mean, double meanLow) = Add(Mean, MeanLow, share * distance);
        (double variance, double varianceLow) = Add(Variance, VarianceLow, change);
        if (isPooled)
            (variance, varianceLow) = Add(variance, varianceLow, (1 - share) * share * distance * distance);
        return new(mean, meanLow, variance, varianceLow);
    }

    private static (double High, double Low) Add(double high, double low, double term)
    {
        double sum = high + term, part = sum - high;
        double rest = low + (high - (sum - part)) + (term - part), total = sum + rest;
        return double.IsFinite(total) ? (total, rest - (total - sum)) : (sum, 0);
    }
}
