using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <summary>2 elements, computed as doubles whatever they are stored as.</summary>
internal readonly unsafe partial struct Double128<T>(Vector128<double> value) : IWideSimd<Double128<T>, T>
    where T : unmanaged
{
    private readonly Vector128<double> _value = value;

    public static int Count => Vector128<double>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Broadcast(double value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Load(T* source) =>
        typeof(T) == typeof(float)
            ? Widen(Vector128.CreateScalarUnsafe(*(double*)source).AsSingle())
            : new(Vector128.Load((double*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> LoadPart(T* source, nint count) =>
        typeof(T) == typeof(float) ? Widen(Partial.Load128((float*)source, count)) : new(Partial.Load128((double*)source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(T* destination, Double128<T> value, nint count)
    {
        if (typeof(T) == typeof(float))
            Partial.Store((float*)destination, Narrow(value), count);
        else
            Partial.Store((double*)destination, value._value, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(T* destination, Double128<T> value)
    {
        if (typeof(T) == typeof(float))
            *(double*)destination = Narrow(value).AsDouble().ToScalar();
        else
            value._value.Store((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(T* destination, Double128<T> value)
    {
        // Wide arithmetic on floats is rare, so it uses an ordinary store.
        if (typeof(T) == typeof(float))
            Store(destination, value);
        else
            value._value.StoreAlignedNonTemporal((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> LoadCoefficients(void* source, nint index) => new(Vector128.Load((double*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Double128<T> value) =>
        value._value.Store((double*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> FromDoubles(double* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> LoadDoubles(double* source) => new(Vector128.Load(source));

    public static (TWide Lower, TWide Upper) Widen<TWide>(Double128<T> value) where TWide : unmanaged, IWideSimd<TWide, T> =>
        throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreDoubles(double* destination, Double128<T> value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> operator +(Double128<T> left, Double128<T> right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> operator -(Double128<T> left, Double128<T> right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> operator *(Double128<T> left, Double128<T> right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> FusedMultiplyAdd(Double128<T> left, Double128<T> right, Double128<T> addend) =>
        new(Vector128.FusedMultiplyAdd(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Mask(Double128<T> value, long* mask) => new(value._value & Vector128.Load(mask).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double HorizontalSum(Double128<T> value) => value._value[0] + value._value[1];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Double128<T> Widen(Vector128<float> value) =>
        new(Vector128.WidenLower(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Narrow(Double128<T> value) => Vector128.Narrow(value._value, value._value);
}

/// <summary>4 elements, computed as doubles whatever they are stored as.</summary>
internal readonly unsafe partial struct Double256<T>(Vector256<double> value) : IWideSimd<Double256<T>, T>
    where T : unmanaged
{
    private readonly Vector256<double> _value = value;

    public static int Count => Vector256<double>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Broadcast(double value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Load(T* source) =>
        typeof(T) == typeof(float) ? new(Precision.Widen(Vector128.Load((float*)source))) : new(Vector256.Load((double*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> LoadPart(T* source, nint count) =>
        typeof(T) == typeof(float)
            ? new(Precision.Widen(Partial.Load128((float*)source, count)))
            : new(Partial.Load256((double*)source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(T* destination, Double256<T> value, nint count)
    {
        if (typeof(T) == typeof(float))
            Partial.Store((float*)destination, Precision.Narrow(value._value), count);
        else
            Partial.Store((double*)destination, value._value, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(T* destination, Double256<T> value)
    {
        if (typeof(T) == typeof(float))
            Precision.Narrow(value._value).Store((float*)destination);
        else
            value._value.Store((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(T* destination, Double256<T> value)
    {
        // Wide arithmetic on floats is rare, so it uses an ordinary store.
        if (typeof(T) == typeof(float))
            Store(destination, value);
        else
            value._value.StoreAlignedNonTemporal((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> LoadCoefficients(void* source, nint index) => new(Vector256.Load((double*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Double256<T> value) =>
        value._value.Store((double*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> FromDoubles(double* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> LoadDoubles(double* source) => new(Vector256.Load(source));

    public static (TWide Lower, TWide Upper) Widen<TWide>(Double256<T> value) where TWide : unmanaged, IWideSimd<TWide, T> =>
        throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreDoubles(double* destination, Double256<T> value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> operator +(Double256<T> left, Double256<T> right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> operator -(Double256<T> left, Double256<T> right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> operator *(Double256<T> left, Double256<T> right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> FusedMultiplyAdd(Double256<T> left, Double256<T> right, Double256<T> addend) =>
        new(Vector256.FusedMultiplyAdd(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Mask(Double256<T> value, long* mask) => new(value._value & Vector256.Load(mask).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double HorizontalSum(Double256<T> value) =>
        Double128<T>.HorizontalSum(new(value._value.GetLower() + value._value.GetUpper()));
}

/// <summary>8 elements, computed as doubles whatever they are stored as.</summary>
internal readonly unsafe partial struct Double512<T>(Vector512<double> value) : IWideSimd<Double512<T>, T>
    where T : unmanaged
{
    private readonly Vector512<double> _value = value;

    public static int Count => Vector512<double>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Broadcast(double value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Load(T* source) =>
        typeof(T) == typeof(float) ? Widen(Vector256.Load((float*)source)) : new(Vector512.Load((double*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> LoadPart(T* source, nint count) =>
        typeof(T) == typeof(float) ? Widen(Partial.Load256((float*)source, count)) : new(Partial.Load512((double*)source, count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(T* destination, Double512<T> value, nint count)
    {
        if (typeof(T) == typeof(float))
            Partial.Store((float*)destination, Narrow(value), count);
        else
            Partial.Store((double*)destination, value._value, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(T* destination, Double512<T> value)
    {
        if (typeof(T) == typeof(float))
            Narrow(value).Store((float*)destination);
        else
            value._value.Store((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(T* destination, Double512<T> value)
    {
        // Wide arithmetic on floats is rare, so it uses an ordinary store.
        if (typeof(T) == typeof(float))
            Store(destination, value);
        else
            value._value.StoreAlignedNonTemporal((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> LoadCoefficients(void* source, nint index) => new(Vector512.Load((double*)source + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreCoefficients(void* destination, nint index, Double512<T> value) =>
        value._value.Store((double*)destination + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> FromDoubles(double* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> LoadDoubles(double* source) => new(Vector512.Load(source));

    public static (TWide Lower, TWide Upper) Widen<TWide>(Double512<T> value) where TWide : unmanaged, IWideSimd<TWide, T> =>
        throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreDoubles(double* destination, Double512<T> value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> operator +(Double512<T> left, Double512<T> right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> operator -(Double512<T> left, Double512<T> right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> operator *(Double512<T> left, Double512<T> right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> FusedMultiplyAdd(Double512<T> left, Double512<T> right, Double512<T> addend) =>
        new(Vector512.FusedMultiplyAdd(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Mask(Double512<T> value, long* mask) => new(value._value & Vector512.Load(mask).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double HorizontalSum(Double512<T> value) =>
        Double256<T>.HorizontalSum(new(value._value.GetLower() + value._value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Double512<T> Widen(Vector256<float> value) => new(Precision.Widen(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Narrow(Double512<T> value) => Vector256.Narrow(value._value.GetLower(), value._value.GetUpper());
}

/// <summary>Floats as doubles and back.</summary>
internal static class Precision
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Widen(Vector128<float> value) =>
        Avx.IsSupported ? Avx.ConvertToVector256Double(value) : Vector256.Create(Vector128.WidenLower(value), Vector128.WidenUpper(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Widen(Vector256<float> value) =>
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Double(value)
            : Vector512.Create(Widen(value.GetLower()), Widen(value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Narrow(Vector256<double> value) => Vector128.Narrow(value.GetLower(), value.GetUpper());
}
