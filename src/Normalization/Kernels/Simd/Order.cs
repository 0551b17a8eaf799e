using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <content>The order of numbers.</content>
internal readonly partial struct One
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One MaxNative(One left, One right) => double.MaxNative(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One MinNative(One left, One right) => double.MinNative(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Abs(One value) => Math.Abs(value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Within(One value, double limit) => Math.Abs(value._value) <= limit ? value : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreAtMost(One left, One right) => left._value <= right._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreZeroOrBetween(One value, double smallest, double largest) =>
        value._value == 0 || (Math.Abs(value._value) >= smallest && Math.Abs(value._value) <= largest);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One NotNegative(One value) => value._value < 0 ? 0 : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreNumbers(One value) => !double.IsNaN(value._value);
}

internal readonly partial struct Four
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four MaxNative(Four left, Four right) => new(Vector256.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four MinNative(Four left, Four right) => new(Vector256.MinNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four Abs(Four value) => new(Vector256.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four Within(Four value, double limit) =>
        new(value._value & Vector256.LessThanOrEqual(Vector256.Abs(value._value), Vector256.Create(limit)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreAtMost(Four left, Four right) => Vector256.LessThanOrEqualAll(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreZeroOrBetween(Four value, double smallest, double largest)
    {
        Vector256<double> magnitude = Vector256.Abs(value._value);
        Vector256<double> isBetween =
            Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(smallest))
            & Vector256.LessThanOrEqual(magnitude, Vector256.Create(largest));
        return (isBetween | Vector256.Equals(magnitude, default)).ExtractMostSignificantBits() == 0xF;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four NotNegative(Four value) => new(Vector256.AndNot(value._value, Vector256.LessThan(value._value, default)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreNumbers(Four value) => Vector256.EqualsAll(value._value, value._value);
}
