using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Statistics;

/// <summary>
/// The statistics of some elements that can be merged with those of others: how many elements there are, their mean as a high and a low
/// part, and M2, the sum of their squared differences from the mean.
/// </summary>
/// <remarks>
/// Sums that were taken about a common pivot, as those of the segments of one group, merge by adding (<see cref="TotalSums"/>). Parts
/// that each have a mean of their own merge here.
/// </remarks>
internal readonly record struct CountedMoments(double Count, double Mean, double Low, double M2)
{
    /// <summary>The moments of a group; those of no elements are zeros, for then there are no statistics.</summary>
    public static CountedMoments Of(in GroupStatistics statistics, double count) =>
        count > 0 ? new(count, statistics.Mean, statistics.MeanLow, statistics.Variance * count) : default;

    /// <summary>
    /// The statistics of all elements together, of which there are some. The formula of Chan, Golub and LeVeque for any number of parts,
    /// about the mean of the first that has elements: mean = Σ nᵢ · meanᵢ / n, M2 = Σ (M2ᵢ + nᵢ · (meanᵢ -
    /// mean)²). The order of the parts decides the last bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static GroupStatistics Merge<T>(ReadOnlySpan<CountedMoments> parts, double epsilon) where T : unmanaged
    {
        while (parts[0].Count == 0)
            parts = parts[1..];
        CountedMoments pivot = parts[0];
        double total = 0, offset = 0, squares = 0;
        foreach (CountedMoments part in parts)
            total += part.Count;
        foreach (CountedMoments part in parts)
            offset += part.Count / total * part.DistanceTo(pivot);
        foreach (CountedMoments part in parts)
        {
            double distance = part.DistanceTo(pivot) - offset;
            squares += part.M2 + (part.Count * distance * distance);
        }
        double mean = pivot.Mean + offset, rounded = mean - pivot.Mean;
        double low = double.IsFinite(mean) ? pivot.Mean - (mean - rounded) + (offset - rounded) + pivot.Low : 0;
        if (typeof(T) == typeof(float) && double.IsFinite(mean))
        {
            // Means of few floats often lie half way between two, where the last bits of a double decide which one they round to. In
            // one process these bits are right; here they go to the low part, by Veltkamp's splitting.
            double split = mean * 33, high = split - (split - mean);
            low += mean - high;
            mean = high;
        }
        return GroupStatistics.FromMoments(mean, squares / total, epsilon, low);
    }

    private double DistanceTo(in CountedMoments pivot) => Count == 0 ? 0 : Mean - pivot.Mean + (Low - pivot.Low);
}
