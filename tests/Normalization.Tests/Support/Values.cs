using System.Numerics;

namespace Normalization.Tests;

/// <summary>Elements as doubles and as bits, and how far two rows of them lie apart.</summary>
internal static class Values
{
    public static double[] Doubles<T>(Tensor<T>? tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        tensor is null ? [] : Array.ConvertAll(tensor.Span.ToArray(), double.CreateChecked);

    public static long[] Bits<T>(Tensor<T>? tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        tensor is null ? [] : Bits<T>(tensor.Span);

    public static long[] Bits<T>(ReadOnlySpan<T> values) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Array.ConvertAll(values.ToArray(), static value => BitConverter.DoubleToInt64Bits(double.CreateChecked(value)));

    /// <summary>The largest difference, relative to the largest expected value (or to a larger floor).</summary>
    public static double Distance(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, double floor = double.Epsilon)
    {
        actual.Length.Should().Be(expected.Length);
        double worst = 0, scale = floor;
        for (int i = 0; i < expected.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(actual[i] - expected[i]));
            scale = Math.Max(scale, Math.Abs(expected[i]));
        }
        return OrInfinity(worst == 0 ? 0 : worst / scale);
    }

    /// <summary>The largest difference, each relative to a scale of its own.</summary>
    public static double Distance(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, Func<int, double> scale)
    {
        actual.Length.Should().Be(expected.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
            worst = Math.Max(worst, actual[i] == expected[i] ? 0 : Math.Abs(actual[i] - expected[i]) / scale(i));
        return OrInfinity(worst);
    }

    /// <summary>The distance from a number to the next larger float.</summary>
    public static double FloatUlp(double value)
    {
        float magnitude = Math.Abs((float)value);
        return (double)MathF.BitIncrement(magnitude) - magnitude;
    }

    // Math.Max keeps a NaN, and a comparison must not let it pass.
    private static double OrInfinity(double distance) => double.IsNaN(distance) ? double.PositiveInfinity : distance;
}
