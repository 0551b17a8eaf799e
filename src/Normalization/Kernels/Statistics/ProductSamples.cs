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

    /// <summary>The largest magnitude.</summary>
    public TLanes Largest
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Max(TLanes.Max(Magnitude(_first), Magnitude(_middle)), Magnitude(_last));
    }

    /// <summary>The first, the middle and the last of each row; rows lie a stride apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ProductSamples<TLanes> OfRows<T>(T* dy, nint stride, T* weight, nint length) where T : unmanaged
    {
        return new(Product(0), Product(length / 2), Product(length - 1));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        TLanes Product(nint i) => TLanes.GatherElements(dy + i, stride) * Element.ToDouble(weight[i]);
    }

    /// <summary>
    /// Whether the samples differ enough from the mean of all products, in every lane. Otherwise a large part is common to all products.
    /// This part multiplies the error of the mean of x.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool AreSpread(TLanes mean)
    {
        TLanes first = Magnitude(_first - mean), middle = Magnitude(_middle - mean), last = Magnitude(_last - mean);
        // The second smallest distance, because one sample may be an outlier.
        TLanes median = TLanes.Max(Smaller(first, middle), Smaller(TLanes.Max(first, middle), last));
        return TLanes.AreAtMost(Magnitude(mean), Far * median);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Magnitude(TLanes value) => TLanes.Max(value, -value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Smaller(TLanes left, TLanes right) => -TLanes.Max(-left, -right);
}
