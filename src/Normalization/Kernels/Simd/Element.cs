using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Simd;

/// <summary>Conversions between the element type and double.</summary>
internal static class Element
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ToDouble<T>(T value) where T : unmanaged =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(value) : Unsafe.BitCast<T, double>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T FromDouble<T>(double value) where T : unmanaged =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<float, T>((float)value) : Unsafe.BitCast<double, T>(value);

    /// <summary>Whether two elements are the same; a NaN is the same as itself, and 0 is not -0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HaveSameBits<T>(T left, T right) where T : unmanaged => typeof(T) == typeof(float)
        ? Unsafe.BitCast<T, uint>(left) == Unsafe.BitCast<T, uint>(right)
        : Unsafe.BitCast<T, ulong>(left) == Unsafe.BitCast<T, ulong>(right);

    /// <summary>The nearest value of the element type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Round<T>(double value) where T : unmanaged => ToDouble(FromDouble<T>(value));
}
