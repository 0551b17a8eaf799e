using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Verify.Numerics;

namespace Normalization.Tests;

/// <summary>The library's own exp, tanh and erf, and the activations that are made of them.</summary>
public sealed class ElementaryTests
{
    private static readonly double[] _hard =
    [
        0, -0.0, 1, -1, 0.55, -0.55, 0.54999995, 87.3, -87.3, 88.72, 88.73, -103.9, -104.1, 708, 709.9, -745, -746.5, 4, 6, -6, 1e-30, -1e-30,
        1e-45, 1e30, -1e30, 3e38, -3e38, 1e300, -1e300, double.PositiveInfinity, double.NegativeInfinity, double.NaN,
    ];

    public static TheoryData<string> Functions => [.. ElementaryFunction.All.Select(static function => function.Name)];

    public static TheoryData<Activation> Activations => [Activation.Relu, Activation.Silu, Activation.Gelu, Activation.GeluTanh];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Errors_are_at_most_two_units_in_the_last_place(string name)
    {
        ElementaryFunction function = Named(name);
        ElementaryCheck.OfFloats(function, 9973).Ulps.Should().BeInRange(0.4, ElementaryCheck.Limit);
        ElementaryCheck.OfDoubles(function, 20_000, 1).Ulps.Should().BeInRange(0.4, ElementaryCheck.Limit);
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void Every_width_gives_the_same_bits(string name)
    {
        ElementaryFunction function = Named(name);
        SameBits<float>(function.Run<Float128, float>, function.Run<Float256, float>, function.Run<Float512, float>);
        SameBits<double>(function.Run<Double128<double>, double>, function.Run<Double256<double>, double>, function.Run<Double512<double>, double>);
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void Infinities_zeros_and_NaN_are_those_of_the_function(string name)
    {
        ElementaryFunction function = Named(name);
        float[] x = [float.PositiveInfinity, float.NegativeInfinity, 0, -0.0f, float.NaN], y = new float[5];
        double[] wide = [double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, double.NaN], wideY = new double[5];
        function.Run<Float256, float>(x, y);
        function.Run<Double256<double>, double>(wide, wideY);
        double[] expected = name == "exp" ? [double.PositiveInfinity, 0, 1, 1, double.NaN] : [1, -1, 0, -0.0, double.NaN];
        y.Select(static value => (double)value).Should().Equal(expected);
        wideY.Should().Equal(expected);
        float.IsNegative(y[3]).Should().Be(name != "exp");
    }

    [Fact]
    public void Values_of_activations_are_those_of_their_formulas()
    {
        foreach (double z in (double[])[-30, -5, -1.5, -0.3, -1e-3, 0, 1e-3, 0.7, 2, 6, 40])
        {
            double inner = Math.Sqrt(2 / Math.PI) * (z + (0.044715 * z * z * z)), distribution = (1 + ElementaryFunction.All[2].Reference(z / Math.Sqrt(2))) / 2;
            double limit = 1e-15 * Math.Max(1, Math.Abs(z)), density = Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI), logistic = 1 / (1 + Math.Exp(-z));
            double innerSlope = Math.Sqrt(2 / Math.PI) * (1 + (3 * 0.044715 * z * z)), tanh = Math.Tanh(inner);
            Of(Activation.Relu, z).Should().Be((Math.Max(0, z), z > 0 ? 1 : 0));
            Close(Of(Activation.Silu, z), (z * logistic, logistic * (1 + (z * (1 - logistic)))), limit);
            Close(Of(Activation.Gelu, z), (z * distribution, distribution + (z * density)), limit);
            Close(Of(Activation.GeluTanh, z), (z * (1 + tanh) / 2, ((1 + tanh) / 2) + (z / 2 * (1 - (tanh * tanh)) * innerSlope)), limit);
        }
    }

    [Fact]
    public void NaN_and_infinities_give_what_PyTorch_gives()
    {
        Of(Activation.Relu, double.NaN).Value.Should().Be(double.NaN);
        Of(Activation.Relu, double.NaN).Slope.Should().Be(1, "PyTorch lets a gradient pass a NaN");
        Of(Activation.Relu, double.NegativeInfinity).Should().Be((0.0, 0.0));
        Of(Activation.Relu, double.PositiveInfinity).Should().Be((double.PositiveInfinity, 1.0));
        foreach (Activation activation in (Activation[])[Activation.Silu, Activation.Gelu, Activation.GeluTanh])
        {
            Of(activation, double.NaN).Value.Should().Be(double.NaN);
            Of(activation, double.NegativeInfinity).Value.Should().Be(double.NaN);
            Of(activation, double.PositiveInfinity).Value.Should().Be(double.PositiveInfinity);
            Of(activation, double.NegativeInfinity).Slope.Should().Be(double.NaN);
        }
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void Finite_values_of_any_size_have_finite_values_and_slopes(Activation activation)
    {
        foreach (double z in (double[])[1e-300, -1e-300, 1e20, -1e20, 1e154, -1e160, 1e300, -1e300])
        {
            (double value, double slope) = Of(activation, z);
            double expected = Math.Abs(z) > 1 || activation == Activation.Relu ? Math.Max(0, z) : z / 2;
            value.Should().BeApproximately(expected, 1e-15 * Math.Abs(z));
            slope.Should().BeApproximately(Math.Abs(z) < 1 && activation != Activation.Relu ? 0.5 : z > 0 ? 1 : 0, 1e-15);
        }
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activations_have_the_same_bits_at_every_width(Activation activation) => SameBits<float>(
        (x, y) => Run<Float128, float>(activation, x, y), (x, y) => Run<Float256, float>(activation, x, y), (x, y) => Run<Float512, float>(activation, x, y));

    [Fact]
    public void The_kernels_have_the_activations_of_the_public_surface() =>
        Enum.GetNames<ActivationKind>().Should().Equal(Enum.GetNames<Activation>());

    private delegate void Function<T>(ReadOnlySpan<T> x, Span<T> y);

    private static ElementaryFunction Named(string name) => ElementaryFunction.All.Single(function => function.Name == name);

    private static void Close((double Value, double Slope) actual, (double Value, double Slope) expected, double limit)
    {
        actual.Value.Should().BeApproximately(expected.Value, limit);
        actual.Slope.Should().BeApproximately(expected.Slope, limit);
    }

    private static (double Value, double Slope) Of(Activation activation, double z)
    {
        double[] y = new double[2];
        Run<Double256<double>, double>(activation, [z], y);
        return (y[0], y[1]);
    }

    /// <summary>The value of each element, then its slope.</summary>
    private static void Run<V, T>(Activation activation, ReadOnlySpan<T> x, Span<T> y) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        T[] ones = new T[x.Length];
        ones.AsSpan().Fill(Element.FromDouble<T>(1));
        ActivationValues.Run<V, T>(activation, x, ones, y[..x.Length], y.Slice(x.Length, x.Length));
    }

    private static void SameBits<T>(params Function<T>[] widths) where T : unmanaged
    {
        var random = new Random(1);
        double[] numbers = [.. _hard, .. Enumerable.Range(0, 2000).Select(_ => (random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-20, 8)))];
        T[] x = [.. numbers.Select(Element.FromDouble<T>)];
        T[][] results = [.. widths.Select(width =>
        {
            var y = new T[2 * x.Length];
            width(x, y.AsSpan(0, 2 * x.Length));
            return y;
        })];
        for (int i = 0; i < results[0].Length; i++)
            results.All(y => Element.HaveSameBits(y[i], results[0][i])).Should().BeTrue("of {0}", x[i % x.Length]);
    }
}
