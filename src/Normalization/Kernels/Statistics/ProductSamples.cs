using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>Three of the products of weight and dy of a group, or of several groups side by side.</summary>
internal readonly unsafe struct ProductSamples<TLanes>(TLanes first, TLanes middle, TLanes last) where TLanes : unmanaged, ILanes<TLanes>
{
    // The error of a mean that was computed in float is then at most 2⁻²⁵ deviations of x times this many deviations of weight · dy.
    private const double Far = 8;

    private readonly TLanes _first = first;
    private readonly TLanes _middle = middle;
    private readonly TLanes _last = last;

    /// <summary>The first, the middle and the last of each row; rows lie a stride apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ProductSamples<TLanes> OfRows<T>(T* dy, nint stride, T* weight, nint length) where T : unmanaged
    {
        return new(Product(0), Product(length / 2), Product(length - 1));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        TLanes Product(nint i) => TLanes.GatherElements(dy + i, stride) * Element.ToDouble(weight[i]);
    }

    /// <summary>
    /// Whether Σ g and Σ g · x̂ can be taken in float. Products that cancel each other do not show in the sums, so the samples are looked
    /// at too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HoldInFloats(TLanes sum, TLanes product)
    {
        (sum, product) = (TLanes.Abs(sum), TLanes.Abs(product));
        TLanes first = TLanes.Abs(_first), middle = TLanes.Abs(_middle), last = TLanes.Abs(_last);
        TLanes largest = TLanes.MaxNative(TLanes.MaxNative(sum, product), TLanes.MaxNative(TLanes.MaxNative(first, middle), last));
        // The largest may lack a NaN, which the sum of all has.
        return TLanes.AreNumbers(sum + product + (first + middle + last)) && NumericRange.HoldsProducts(largest);
    }

    /// <summary>
    /// Whether the samples differ enough from the mean of all products, in every lane. Otherwise a large part is common to all products.
    /// This part multiplies the error of the mean of x.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool AreSpread(TLanes mean)
    {
        TLanes first = TLanes.Abs(_first - mean), middle = TLanes.Abs(_middle - mean), last = TLanes.Abs(_last - mean);
        // The second smallest distance, because one sample may be an outlier.
        TLanes median = TLanes.MaxNative(TLanes.MinNative(first, middle), TLanes.MinNative(TLanes.MaxNative(first, middle), last));
        return TLanes.AreNumbers(first + middle + last) && TLanes.AreAtMost(TLanes.Abs(mean), Far * median);
    }
}
