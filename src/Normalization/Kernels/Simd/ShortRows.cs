using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <content>What short rows need: coefficients in every lane, and sums of lanes.</content>
internal readonly unsafe partial struct Float128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Repeat(float* source) => new(Vector128.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float128 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float128 first, Float128 second, Float128 third, Float128 fourth)
    {
        first._value.Store(destination);
        second._value.Store(destination + 4);
        third._value.Store(destination + 8);
        fourth._value.Store(destination + 12);
    }
}

internal readonly unsafe partial struct Float256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Repeat(float* source) => new(Vector256.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float256 value) =>
        (value._value.GetLower() + value._value.GetUpper()).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float256 first, Float256 second, Float256 third, Float256 fourth)
    {
        (Square.LowerHalves(first._value, second._value) + Square.UpperHalves(first._value, second._value)).Store(destination);
        (Square.LowerHalves(third._value, fourth._value) + Square.UpperHalves(third._value, fourth._value)).Store(destination + 8);
    }
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSumsOfFours(float* destination, Float512 first, Float512 second, Float512 third, Float512 fourth) =>
        SumsOfPairs(SumsOfPairs(first._value, second._value), SumsOfPairs(third._value, fourth._value)).Store(destination);

    // Fours 0 + 1 and 2 + 3 of the left, then those of the right.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SumsOfPairs(Vector512<float> left, Vector512<float> right)
    {
        const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01;
        return Avx512F.Shuffle4x128(left, right, Even) + Avx512F.Shuffle4x128(left, right, Odd);
    }
}

internal readonly unsafe partial struct Double128<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));
}

internal readonly unsafe partial struct Double256<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));
}

internal readonly unsafe partial struct Double512<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Repeat(T* source) => Broadcast(Element.ToDouble(*source));
}
