using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The statistics of a group of doubles whose squares overflow or underflow. They are computed from the elements times a power of two,
/// one element after another, with compensated sums. This is rare and slow.
/// </summary>
internal static unsafe class ScaledMoments
{
    // Any scale between these is a normal number, as is its reciprocal.
    private const int LargestExponent = 1022;

    /// <summary>False where an element is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static bool TryCompute<T, TSource>(
        TSource group, in SliceSet set, bool isCentered, double epsilon, out GroupStatistics statistics)
        where T : unmanaged
        where TSource : struct, ISource<TSource, T>
    {
        statistics = default;
        double largest = 0, count = set.Elements;
        for (nint i = 0; i < set.Elements; i++)
            largest = Math.Max(largest, Math.Abs(Element<T, TSource>(group, set, i)));
        if (!double.IsFinite(largest))
            return false;
        double unit = Math.Max(largest, Math.Sqrt(epsilon));
        int exponent = unit == 0 ? 0 : Math.Clamp(Math.ILogB(unit), -LargestExponent, LargestExponent);
        double scale = Math.ScaleB(1, -exponent), mean = 0, meanLow = 0;
        CompensatedSum sum = default, squares = default, rest = default;
        for (nint i = 0; i < set.Elements && isCentered; i++)
            sum.Add(Element<T, TSource>(group, set, i) * scale);
        if (isCentered)
        {
            mean = sum.Value / count;
            meanLow = (Math.FusedMultiplyAdd(-mean, count, sum.Value) + sum.Rest) / count;
        }
        for (nint i = 0; i < set.Elements; i++)
        {
            double d = (Element<T, TSource>(group, set, i) * scale) - mean - meanLow;
            rest.Add(d);
            squares.Add(d * d);
        }
        double variance = Math.Max(0, squares.Value - (isCentered ? rest.Value * rest.Value / count : 0)) / count;
        double reciprocal = One.ReciprocalSqrt(variance + (epsilon * scale * scale)) * scale;
        statistics.Mean = Math.ScaleB(mean, exponent);
        statistics.MeanLow = Math.ScaleB(meanLow, exponent);
        statistics.Variance = Math.ScaleB(variance, 2 * exponent);
        // Where the inverse is no finite double, the deviation counts as zero.
        statistics.InverseStandardDeviation = double.IsFinite(reciprocal) ? reciprocal : 0;
        return true;
    }

    private static double Element<T, TSource>(TSource group, in SliceSet set, nint element)
        where T : unmanaged
        where TSource : struct, ISource<TSource, T> =>
        group.At((element / set.Length * set.Stride) + (element % set.Length)).Gather<One>(0);
}
