using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>Conversions between the element type and double.</summary>
internal static class Element
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ToDouble<T>(T value) where T : unmanaged =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(value) : Unsafe.BitCast<T, double>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T FromDouble<T>(double value) where T : unmanaged =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<float, T>((float)value) : Unsafe.BitCast<double, T>(value);

    /// <summary>The nearest value of the element type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Round<T>(double value) where T : unmanaged => ToDouble(FromDouble<T>(value));
}
