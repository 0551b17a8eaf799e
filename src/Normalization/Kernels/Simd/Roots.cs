using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <summary>How a double is made of its sign, its exponent and its fraction.</summary>
internal static class Exponents
{
    public const int FractionBits = 52;

    public const long Bias = 1023;

    public const long Fraction = (1L << FractionBits) - 1;

    /// <summary>The bits of 1.</summary>
    public const long One = Bias << FractionBits;
}

internal readonly unsafe partial struct Float128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 operator /(Float128 left, Float128 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Sqrt(Float128 value) => new(Vector128.Sqrt(value._value));
}

internal readonly unsafe partial struct Float256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 operator /(Float256 left, Float256 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Sqrt(Float256 value) => new(Vector256.Sqrt(value._value));
}

internal readonly unsafe partial struct Float512
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 operator /(Float512 left, Float512 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Sqrt(Float512 value) => new(Vector512.Sqrt(value._value));
}

internal readonly unsafe partial struct Double128<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> operator /(Double128<T> left, Double128<T> right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Sqrt(Double128<T> value) => new(Vector128.Sqrt(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Exponent(Double128<T> value) =>
        new(Vector128.ConvertToDouble(
            Vector128.ShiftRightLogical(value._value.AsInt64(), Exponents.FractionBits) - Vector128.Create(Exponents.Bias)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Mantissa(Double128<T> value) =>
        new(((value._value.AsInt64() & Vector128.Create(Exponents.Fraction)) | Vector128.Create(Exponents.One)).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> PowerOfTwo(Double128<T> exponent) =>
        new(Vector128.ShiftLeft(
            Vector128.ConvertToInt64(exponent._value) + Vector128.Create(Exponents.Bias), Exponents.FractionBits).AsDouble());
}

internal readonly unsafe partial struct Double256<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> operator /(Double256<T> left, Double256<T> right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Sqrt(Double256<T> value) => new(Vector256.Sqrt(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Exponent(Double256<T> value) =>
        new(Vector256.ConvertToDouble(
            Vector256.ShiftRightLogical(value._value.AsInt64(), Exponents.FractionBits) - Vector256.Create(Exponents.Bias)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Mantissa(Double256<T> value) =>
        new(((value._value.AsInt64() & Vector256.Create(Exponents.Fraction)) | Vector256.Create(Exponents.One)).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> PowerOfTwo(Double256<T> exponent) =>
        new(Vector256.ShiftLeft(
            Vector256.ConvertToInt64(exponent._value) + Vector256.Create(Exponents.Bias), Exponents.FractionBits).AsDouble());
}

internal readonly unsafe partial struct Double512<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> operator /(Double512<T> left, Double512<T> right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Sqrt(Double512<T> value) => new(Vector512.Sqrt(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Exponent(Double512<T> value) =>
        new(Vector512.ConvertToDouble(
            Vector512.ShiftRightLogical(value._value.AsInt64(), Exponents.FractionBits) - Vector512.Create(Exponents.Bias)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Mantissa(Double512<T> value) =>
        new(((value._value.AsInt64() & Vector512.Create(Exponents.Fraction)) | Vector512.Create(Exponents.One)).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> PowerOfTwo(Double512<T> exponent) =>
        new(Vector512.ShiftLeft(
            Vector512.ConvertToInt64(exponent._value) + Vector512.Create(Exponents.Bias), Exponents.FractionBits).AsDouble());
}
