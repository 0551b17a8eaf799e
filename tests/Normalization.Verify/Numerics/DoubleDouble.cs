using System.Runtime.CompilerServices;

namespace Normalization.Verify.Numerics;

/// <summary>A number of 106 bits: the unevaluated sum of two doubles that do not overlap. Fast, and exact enough to judge by.</summary>
internal readonly struct DoubleDouble
{
    private readonly double _high;
    private readonly double _low;

    private DoubleDouble(double high, double low) => (_high, _low) = (high, low);

    public static implicit operator DoubleDouble(double value) => new(value, 0);

    public static explicit operator double(DoubleDouble value) => value._high + value._low;

    public double High => _high;

    public bool IsZero => _high == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleDouble operator +(DoubleDouble left, DoubleDouble right)
    {
        (double high, double error) = TwoSum(left._high, right._high);
        (double low, double lowError) = TwoSum(left._low, right._low);
        (high, error) = QuickTwoSum(high, error + low);
        return Normalized(high, error + lowError);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleDouble operator -(DoubleDouble left, DoubleDouble right) => left + -right;

    public static DoubleDouble operator -(DoubleDouble value) => new(-value._high, -value._low);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleDouble operator *(DoubleDouble left, DoubleDouble right)
    {
        double high = left._high * right._high;
        double error = Math.FusedMultiplyAdd(left._high, right._high, -high);
        return Normalized(high, error + ((left._high * right._low) + (left._low * right._high)));
    }

    public static DoubleDouble operator /(DoubleDouble left, DoubleDouble right)
    {
        double first = left._high / right._high;
        DoubleDouble rest = left - (right * first);
        double second = rest._high / right._high;
        rest -= right * second;
        return Normalized(first, second) + (rest._high / right._high);
    }

    public static DoubleDouble Sqrt(DoubleDouble value)
    {
        if (value._high <= 0)
            return 0;
        // Newton's step from the root in double doubles its digits; the second one makes up for the first one's rounding.
        DoubleDouble root = Math.Sqrt(value._high);
        root = (root + (value / root)) * 0.5;
        return (root + (value / root)) * 0.5;
    }

    public static DoubleDouble Abs(DoubleDouble value) => value._high < 0 ? -value : value;

    private static (double High, double Error) TwoSum(double left, double right)
    {
        double sum = left + right, part = sum - left;
        return (sum, (left - (sum - part)) + (right - part));
    }

    private static (double High, double Error) QuickTwoSum(double larger, double smaller)
    {
        double sum = larger + smaller;
        return (sum, smaller - (sum - larger));
    }

    private static DoubleDouble Normalized(double high, double low)
    {
        (double sum, double error) = QuickTwoSum(high, low);
        return new(sum, error);
    }
}
