using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>
/// The pivot that is subtracted from dy, so that the sums lose no digits where all dy have a large common part. The pivot is the median
/// of the first, middle and last element, because one of them may be an outlier. For floats the pivot is 0: where all dy have a large
/// common part, their sums are taken in double, which has enough digits.
/// </summary>
internal static unsafe class OutputPivot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Of<T>(T* dy, in SliceSet set) where T : unmanaged =>
        typeof(T) == typeof(float)
            ? 0
            : Median(
                Element.ToDouble(dy[0]),
                Element.ToDouble(dy[(set.Slices / 2 * set.Stride) + (set.Length / 2)]),
                Element.ToDouble(dy[((set.Slices - 1) * set.Stride) + set.Length - 1]));

    /// <summary>The same for weight · dy of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double OfProducts<T>(T* dy, T* weight, nint length) where T : unmanaged =>
        typeof(T) == typeof(float) ? 0 : Median(Product(dy, weight, 0), Product(dy, weight, length / 2), Product(dy, weight, length - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Product<T>(T* dy, T* weight, nint i) where T : unmanaged => Element.ToDouble(dy[i]) * Element.ToDouble(weight[i]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Median(double first, double second, double third) =>
        Math.Max(Math.Min(first, second), Math.Min(Math.Max(first, second), third));
}
