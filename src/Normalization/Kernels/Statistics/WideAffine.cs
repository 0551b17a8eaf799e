using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Statistics;

/// <summary>
/// (x - mean - its low part) · r · weight + bias, where r · weight may leave the range of doubles although the result does not. The
/// product is split into a factor near 1 and three equal powers of two, which are multiplied one after another.
/// </summary>
internal readonly struct WideAffine
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WideAffine(in GroupStatistics statistics, double weight, double bias)
    {
        (Mean, MeanLow, Bias) = (statistics.Mean, statistics.MeanLow, bias);
        double r = statistics.InverseStandardDeviation;
        (Factor, Power) = (r * weight, 1);
        if (r == 0 || weight == 0 || !double.IsFinite(r) || !double.IsFinite(weight))
            return;
        (int first, int second) = (Math.ILogB(r), Math.ILogB(weight));
        int third = (first + second) / 3, left = first + second - (3 * third);
        Power = Math.ScaleB(1, third);
        Factor = Math.ScaleB(Math.ScaleB(r, -first) * Math.ScaleB(weight, -second), left);
    }

    public double Mean { get; }

    public double MeanLow { get; }

    public double Factor { get; }

    /// <summary>One of the three powers of two.</summary>
    public double Power { get; }

    public double Bias { get; }
}
