using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>The statistics of one group. The mean is <see cref="Mean"/> + <see cref="Residue"/>.</summary>
internal struct GroupStatistics
{
    public double Mean;
    public double Residue;
    public double Variance;
    public double ReciprocalDeviation;

    /// <summary>The statistics of <paramref name="count"/> elements whose sums were taken about <paramref name="pivot"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics FromSums(in Sums sums, double pivot, double count, double epsilon)
    {
        double offset = sums.Sum / count;
        double variance = Math.Max(0, (sums.Product - (sums.Sum * offset)) / count);
        double mean = pivot + offset;
        double rounded = mean - pivot;
        double residue = double.IsFinite(mean) ? pivot - (mean - rounded) + (offset - rounded) : 0;
        return new() { Mean = mean, Residue = residue, Variance = variance, ReciprocalDeviation = Reciprocal(variance + epsilon) };
    }

    /// <summary>The root mean square stands for the deviation from a mean of zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupStatistics FromSquares(double squares, double count, double epsilon) =>
        new() { Variance = squares / count, ReciprocalDeviation = Reciprocal((squares / count) + epsilon) };

    public static GroupStatistics FromMoments(double mean, double variance, double epsilon, double residue = 0) =>
        new() { Mean = mean, Residue = residue, Variance = variance, ReciprocalDeviation = Reciprocal(variance + epsilon) };

    public static GroupStatistics FromSaved(double mean, double reciprocalDeviation) =>
        new() { Mean = mean, ReciprocalDeviation = reciprocalDeviation, Variance = 1 / (reciprocalDeviation * reciprocalDeviation) };

    // A constant group without epsilon has no direction to scale: zero makes its output β and its gradient 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Reciprocal(double square) => square == 0 ? 0 : 1 / Math.Sqrt(square);
}
