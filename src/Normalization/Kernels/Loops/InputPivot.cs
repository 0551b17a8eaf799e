using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>What x is taken about where its sums may be taken in float; a number of the element type.</summary>
internal static class InputPivot
{
    /// <summary>
    /// For floats the mean of the middle two of four elements, which lies nearer to the mean of all than the first element, even where one
    /// of the four is an outlier. That of equal elements is one of them. For doubles the first element. The groups lie a step apart.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<T, TSource, TLanes>(TSource group, nint step, in SliceSet set)
        where T : unmanaged
        where TSource : struct, ISource<TSource, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (typeof(T) == typeof(double))
            return group.Gather<TLanes>(step);
        nint quarter = (set.Slices / 4 * set.Stride) + (set.Length / 4);
        TLanes first = group.Gather<TLanes>(step), second = group.At(quarter).Gather<TLanes>(step);
        TLanes third = group.At(2 * quarter).Gather<TLanes>(step), fourth = group.At(3 * quarter).Gather<TLanes>(step);
        TLanes lower = TLanes.MaxNative(TLanes.MinNative(first, second), TLanes.MinNative(third, fourth));
        TLanes upper = TLanes.MinNative(TLanes.MaxNative(first, second), TLanes.MaxNative(third, fourth));
        // The added zero takes the sign from a zero, which depends on the machine.
        return TLanes.Round<T>(((lower + upper) / 2) + 0);
    }
}
