using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <content>What elementary functions need besides sums and products.</content>
internal readonly unsafe partial struct Float128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 GreaterThan(Float128 left, Float128 right) => new(Vector128.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Select(Float128 mask, Float128 ifSet, Float128 otherwise) =>
        new(Vector128.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 LoadMask(byte* source) => new(ByteMasks.Load4(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 Keep(Float128 mask, Float128 kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 KeepPositive(Float128 weight, Float128 kept) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 KeepFrom(Float128 limit, Float128 value, Float128 kept) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float128 PowerFromRounded(Float128 rounded) => new(((rounded._value.AsInt32() + Vector128.Create(127)) << 23).AsSingle());
}

internal readonly unsafe partial struct Float256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 GreaterThan(Float256 left, Float256 right) => new(Vector256.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Select(Float256 mask, Float256 ifSet, Float256 otherwise) =>
        new(Vector256.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 LoadMask(byte* source) => new(ByteMasks.Load8(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 Keep(Float256 mask, Float256 kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 KeepPositive(Float256 weight, Float256 kept) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 KeepFrom(Float256 limit, Float256 value, Float256 kept) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float256 PowerFromRounded(Float256 rounded) => new(((rounded._value.AsInt32() + Vector256.Create(127)) << 23).AsSingle());
}

internal readonly unsafe partial struct Float512
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 GreaterThan(Float512 left, Float512 right) => new(Vector512.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Select(Float512 mask, Float512 ifSet, Float512 otherwise) =>
        new(Vector512.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 LoadMask(byte* source) => new(ByteMasks.Load16(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 Keep(Float512 mask, Float512 kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 KeepPositive(Float512 weight, Float512 kept) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 KeepFrom(Float512 limit, Float512 value, Float512 kept) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float512 PowerFromRounded(Float512 rounded) => new(((rounded._value.AsInt32() + Vector512.Create(127)) << 23).AsSingle());
}

internal readonly unsafe partial struct Double128<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> GreaterThan(Double128<T> left, Double128<T> right) => new(Vector128.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Select(Double128<T> mask, Double128<T> ifSet, Double128<T> otherwise) =>
        new(Vector128.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> LoadMask(byte* source) => new(ByteMasks.LoadWide2(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> Keep(Double128<T> mask, Double128<T> kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> KeepPositive(Double128<T> weight, Double128<T> kept) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> KeepFrom(Double128<T> limit, Double128<T> value, Double128<T> kept) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double128<T> PowerFromRounded(Double128<T> rounded) =>
        new(((rounded._value.AsInt64() + Vector128.Create(1023L)) << 52).AsDouble());
}

internal readonly unsafe partial struct Double256<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> GreaterThan(Double256<T> left, Double256<T> right) => new(Vector256.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Select(Double256<T> mask, Double256<T> ifSet, Double256<T> otherwise) =>
        new(Vector256.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> LoadMask(byte* source) => new(ByteMasks.LoadWide4(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> Keep(Double256<T> mask, Double256<T> kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> KeepPositive(Double256<T> weight, Double256<T> kept) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> KeepFrom(Double256<T> limit, Double256<T> value, Double256<T> kept) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double256<T> PowerFromRounded(Double256<T> rounded) =>
        new(((rounded._value.AsInt64() + Vector256.Create(1023L)) << 52).AsDouble());
}

internal readonly unsafe partial struct Double512<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> GreaterThan(Double512<T> left, Double512<T> right) => new(Vector512.GreaterThan(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Select(Double512<T> mask, Double512<T> ifSet, Double512<T> otherwise) =>
        new(Vector512.ConditionalSelect(mask._value, ifSet._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> LoadMask(byte* source) => new(ByteMasks.LoadWide8(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> Keep(Double512<T> mask, Double512<T> kept) => new(mask._value & kept._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> KeepPositive(Double512<T> weight, Double512<T> kept) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(weight._value, default), kept._value, default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> KeepFrom(Double512<T> limit, Double512<T> value, Double512<T> kept) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(limit._value, value._value), default, kept._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Double512<T> PowerFromRounded(Double512<T> rounded) =>
        new(((rounded._value.AsInt64() + Vector512.Create(1023L)) << 52).AsDouble());
}
