using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>Whether numbers lie far enough from the ends of the range of the element type, so that arithmetic loses no digits.</summary>
internal static class NumericRange
{
    private const double Smallest = 1.0 / (1L << 50) / (1L << 50);
    private const double Largest = (double)(1L << 50) * (1L << 50);

    // The product of four numbers between these is a normal double.
    private static readonly double _smallestFactor = double.ScaleB(1, -240);
    private static readonly double _largestFactor = double.ScaleB(1, 240);

    /// <summary>The largest coefficient of the element type that is used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double LargestOf<T>() => typeof(T) == typeof(float) ? Largest : _largestFactor * _largestFactor;

    /// <summary>
    /// Whether floats may be multiplied by a coefficient. The coefficient of doubles is a product of <see cref="Factors{T, TLanes}"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds<T, TLanes>(TLanes coefficient) where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(double) || TLanes.AreZeroOrBetween(coefficient, Smallest, Largest);

    /// <summary>
    /// Whether a number of doubles may be a factor of a coefficient. The coefficients of floats are computed in double, whose range is
    /// larger.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Factors<T, TLanes>(TLanes factor) where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(float) || TLanes.AreZeroOrBetween(factor, _smallestFactor, _largestFactor);

    /// <summary>
    /// Whether x - mean stays finite: no element of a group lies further from its mean than √(n · variance), n below 2³¹.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Spans<T, TLanes>(in GroupStatistics<TLanes> statistics) where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(double)
        || (TLanes.AreZeroOrBetween(statistics.Mean, 0, Largest) && TLanes.AreAtMost(statistics.Variance, Largest * Largest));

    /// <summary>
    /// Whether products of weight and dy, from the smallest to the largest sum of them, are floats of full precision, in every lane.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HoldsProducts<TLanes>(TLanes largest) where TLanes : unmanaged, ILanes<TLanes> =>
        TLanes.AreAtMost(Smallest * (1 << 10), largest) && TLanes.AreAtMost(largest, Largest);
}
