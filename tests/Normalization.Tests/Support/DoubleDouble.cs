namespace Normalization.Tests;

/// <summary>A sum of two doubles, about 31 digits: the higher precision in which the references are computed.</summary>
internal readonly record struct DoubleDouble(double High, double Low)
{
    public static implicit operator DoubleDouble(double value) => new(value, 0);

    public static explicit operator double(DoubleDouble value) => value.High + value.Low;

    public static DoubleDouble operator -(DoubleDouble value) => new(-value.High, -value.Low);

    public static DoubleDouble operator +(DoubleDouble left, DoubleDouble right)
    {
        DoubleDouble high = TwoSum(left.High, right.High), low = TwoSum(left.Low, right.Low);
        DoubleDouble sum = Renormalized(high.High, high.Low + low.High);
        return Renormalized(sum.High, sum.Low + low.Low);
    }

    public static DoubleDouble operator -(DoubleDouble left, DoubleDouble right) => left + -right;

    public static DoubleDouble operator *(DoubleDouble left, DoubleDouble right)
    {
        double product = left.High * right.High;
        double error = Math.FusedMultiplyAdd(left.High, right.High, -product);
        return Renormalized(product, error + ((left.High * right.Low) + (left.Low * right.High)));
    }

    public static DoubleDouble operator /(DoubleDouble left, DoubleDouble right)
    {
        double first = left.High / right.High;
        DoubleDouble rest = left - (right * first);
        double second = rest.High / right.High;
        rest -= right * second;
        return (DoubleDouble)first + second + (rest.High / right.High);
    }

    public static DoubleDouble Sqrt(DoubleDouble value)
    {
        if (value.High == 0)
            return 0;
        DoubleDouble root = Math.Sqrt(value.High);
        for (int i = 0; i < 2; i++)
            root += (value - (root * root)) / (root * 2);
        return root;
    }

    private static DoubleDouble TwoSum(double left, double right)
    {
        double sum = left + right, part = sum - left;
        return new(sum, left - (sum - part) + (right - part));
    }

    private static DoubleDouble Renormalized(double high, double low)
    {
        double sum = high + low;
        return new(sum, low - (sum - high));
    }
}
