using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <content>What short rows need: coefficients in every lane, and sums of lanes.</content>
internal readonly unsafe partial struct Float128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Repeat(float* source) => new(Vector128.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float128 value) => value._value.Store(destination);
}

internal readonly unsafe partial struct Float256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Repeat(float* source) => new(Vector256.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float256 value) =>
        (value._value.GetLower() + value._value.GetUpper()).Store(destination);
}

internal readonly unsafe partial struct Float512
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Repeat(float* source) => new(Vector512.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float512 value)
    {
        Vector256<float> lower = value._value.GetLower(), upper = value._value.GetUpper();
        (lower.GetLower() + lower.GetUpper() + (upper.GetLower() + upper.GetUpper())).Store(destination);
    }
}

internal readonly unsafe partial struct Double128<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));

    public static void StoreSumsOfFours(float* destination, Double128<T> value) => throw new NotSupportedException();
}

internal readonly unsafe partial struct Double256<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));

    public static void StoreSumsOfFours(float* destination, Double256<T> value) => throw new NotSupportedException();
}

internal readonly unsafe partial struct Double512<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));

    public static void StoreSumsOfFours(float* destination, Double512<T> value) => throw new NotSupportedException();
}
