using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <summary>4 floats, computed as floats.</summary>
internal readonly unsafe partial struct Float128(Vector128<float> value) : ISimd<Float128, float>
{
    private readonly Vector128<float> _value = value;

    public static int Count => Vector128<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Broadcast(double value) => new(Vector128.Create((float)value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Float128 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 LoadPart(float* source, nint count) => new(Partial.Load128(source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(float* destination, Float128 value, nint count) => Partial.Store(destination, value._value, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(float* destination, Float128 value) => value._value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 LoadCoefficients(void* source, nint index) => new(Vector128.Load((float*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (W Lower, W Upper) Widen<W>(Float128 value) where W : unmanaged, IWideSimd<W, float> =>
        (Unsafe.BitCast<Vector128<double>, W>(Vector128.WidenLower(value._value)),
            Unsafe.BitCast<Vector128<double>, W>(Vector128.WidenUpper(value._value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Float128 value) => value._value.Store((float*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 FromDoubles(double* source) => new(Vector128.Narrow(Vector128.Load(source), Vector128.Load(source + 2)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 operator +(Float128 left, Float128 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 operator -(Float128 left, Float128 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 operator *(Float128 left, Float128 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 FusedMultiplyAdd(Float128 left, Float128 right, Float128 addend) =>
        new(Vector128.FusedMultiplyAdd(left._value, right._value, addend._value));
}

/// <summary>8 floats, computed as floats.</summary>
internal readonly unsafe partial struct Float256(Vector256<float> value) : ISimd<Float256, float>
{
    private readonly Vector256<float> _value = value;

    public static int Count => Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Broadcast(double value) => new(Vector256.Create((float)value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Float256 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 LoadPart(float* source, nint count) => new(Partial.Load256(source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(float* destination, Float256 value, nint count) => Partial.Store(destination, value._value, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(float* destination, Float256 value) => value._value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 LoadCoefficients(void* source, nint index) => new(Vector256.Load((float*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (W Lower, W Upper) Widen<W>(Float256 value) where W : unmanaged, IWideSimd<W, float> =>
        (Unsafe.BitCast<Vector256<double>, W>(Precision.Widen(value._value.GetLower())),
            Unsafe.BitCast<Vector256<double>, W>(Precision.Widen(value._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Float256 value) => value._value.Store((float*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 FromDoubles(double* source) => new(Vector256.Narrow(Vector256.Load(source), Vector256.Load(source + 4)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 operator +(Float256 left, Float256 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 operator -(Float256 left, Float256 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 operator *(Float256 left, Float256 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 FusedMultiplyAdd(Float256 left, Float256 right, Float256 addend) =>
        new(Vector256.FusedMultiplyAdd(left._value, right._value, addend._value));
}

/// <summary>16 floats, computed as floats.</summary>
internal readonly unsafe partial struct Float512(Vector512<float> value) : ISimd<Float512, float>
{
    private readonly Vector512<float> _value = value;

    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Broadcast(double value) => new(Vector512.Create((float)value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Float512 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 LoadPart(float* source, nint count) => new(Partial.Load512(source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(float* destination, Float512 value, nint count) => Partial.Store(destination, value._value, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(float* destination, Float512 value) => value._value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 LoadCoefficients(void* source, nint index) => new(Vector512.Load((float*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (W Lower, W Upper) Widen<W>(Float512 value) where W : unmanaged, IWideSimd<W, float> =>
        (Unsafe.BitCast<Vector512<double>, W>(Precision.Widen(value._value.GetLower())),
            Unsafe.BitCast<Vector512<double>, W>(Precision.Widen(value._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Float512 value) => value._value.Store((float*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 FromDoubles(double* source) => new(Vector512.Narrow(Vector512.Load(source), Vector512.Load(source + 8)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 operator +(Float512 left, Float512 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 operator -(Float512 left, Float512 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 operator *(Float512 left, Float512 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 FusedMultiplyAdd(Float512 left, Float512 right, Float512 addend) =>
        new(Vector512.FusedMultiplyAdd(left._value, right._value, addend._value));
}
