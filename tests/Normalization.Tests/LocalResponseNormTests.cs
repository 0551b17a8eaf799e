using System.Numerics;
using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>Local response normalization: the formula, PyTorch's values, the ends of the range, and what a call must refuse.</summary>
public sealed class LocalResponseNormTests
{
    private static readonly StateDictionary _golden =
        SafeTensorsFile.Load(Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", "family.safetensors"));

    public static TheoryData<int, double, double, double> OfPyTorch => new()
    {
        { 5, 1e-4, 0.75, 1 }, { 3, 0.5, 0.75, 2 }, { 4, 0.5, 0.5, 2 }, { 2, 2, 1, 1 }, { 20, 0.5, 0.6, 0.1 }, { 1, 1, 0.3, 1 },
    };

    /// <summary>n, c, s, size, beta: strips, several strips, channels side by side, windows wider than the channels.</summary>
    public static TheoryData<int, int, int, int, double> Shapes => new()
    {
        { 2, 7, 15, 5, 0.75 }, { 3, 96, 100, 5, 0.75 }, { 1, 6, 3025, 5, 0.75 }, { 2, 5, 1, 5, 0.75 }, { 9, 131, 1, 5, 0.75 },
        { 4, 33, 2, 4, 0.75 }, { 2, 3, 40, 50, 0.75 }, { 3, 20, 17, 1, 0.75 }, { 2, 12, 600, 8, 0.5 }, { 2, 12, 33, 3, 1 },
        { 2, 12, 65, 9, 0.75 }, { 2, 12, 65, 5, 0.6 }, { 5, 40, 1, 6, 0.6 }, { 2, 4, 30, 3, 0 }, { 2, 4, 30, 3, 2 }, { 70, 64, 31, 2, 0.75 },
    };

    [Theory]
    [MemberData(nameof(OfPyTorch))]
    public void The_values_and_the_gradients_are_those_of_PyTorch(int size, double alpha, double beta, double k)
    {
        string name = FormattableString.Invariant($"lrn.{size}.{Python(alpha)}.{Python(beta)}.{Python(k)}");
        var layer = new LocalResponseNorm<double>(size, alpha, beta, k);
        Tensor<double> y = layer.Forward(Golden("lrn.x")), dx = layer.Backward(Golden("lrn.dy"));
        Values.Distance(y.Span, Golden($"{name}.y").Span).Should().BeLessThan(1e-14);
        Values.Distance(dx.Span, Golden($"{name}.dx").Span).Should().BeLessThan(1e-14);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_shape_gives_the_formula(int n, int c, int s, int size, double beta)
    {
        foreach (EvenWindow evenWindow in Enum.GetValues<EvenWindow>())
        {
            foreach (double k in (double[])[1, 1e-9])
            {
                var formula = new LocalResponse(size, 0.3, beta, k, evenWindow);
                Compare<double>(formula, n, c, s, 1).Should().BeLessThan(1e-14 / Math.Pow(2, -23));
                Compare<float>(formula, n, c, s, 1).Should().BeLessThan(6);
                Compare<float>(formula, n, c, s, 1e-6).Should().BeLessThan(6);
            }
        }
    }

    [Theory]
    [InlineData(1e37, 1)]
    [InlineData(1e30, 1e-30)]
    [InlineData(1e-30, 1e-30)]
    [InlineData(1e12, 1)]
    [InlineData(1e17, 1)]
    [InlineData(1e-38, 1)]
    public void Large_and_small_floats_keep_their_digits(double scale, double k)
    {
        foreach (double beta in (double[])[0.75, 0.5, 1, 0.6])
        {
            Compare<float>(new(5, 1e-2, beta, k), 2, 9, 70, scale).Should().BeLessThan(6);
            Compare<float>(new(5, 1e-2, beta, k), 3, 50, 1, scale).Should().BeLessThan(6);
        }
    }

    [Theory]
    [InlineData(30)]
    [InlineData(1)]
    public void A_NaN_and_a_huge_value_change_no_bit_outside_their_windows(int s)
    {
        foreach ((float planted, bool isHuge) in ((float, bool)[])[(float.NaN, false), (1e30f, true)])
        {
            const int Channels = 20, Channel = 9, Position = 0;
            var layer = new LocalResponseNorm<float>(5, 0.1);
            var x = Tensor<float>.RandomNormal([2, Channels, s], seed: 3);
            float[] expected = layer.Forward(x).Span.ToArray();
            x[0, Channel, Position] = planted;
            Tensor<float> y = layer.Forward(x);
            for (int i = 0; i < expected.Length; i++)
            {
                int channel = i / s % Channels;
                bool isSeen = i < Channels * s && i % s == Position && Math.Abs(channel - Channel) <= 2;
                bool isOfTheSamePosition = i < Channels * s && i % s == Position;
                if (isSeen && !isHuge)
                    y.Span[i].Should().Be(float.NaN);
                else if (isOfTheSamePosition)
                    float.IsFinite(y.Span[i]).Should().BeTrue();
                else
                    y.Span[i].Should().Be(expected[i]);
            }
        }
    }

    [Fact]
    public void An_infinity_makes_itself_NaN_and_its_neighbors_zero()
    {
        foreach (double beta in (double[])[0.75, 0.6])
        {
            var x = Tensor<float>.Full([1, 7, 1], 1);
            x[0, 3, 0] = float.PositiveInfinity;
            float[] y = new LocalResponseNorm<float>(3, 1, beta).Forward(x).Span.ToArray();
            y[2..5].Should().Equal(0, float.NaN, 0);
            y[1].Should().BePositive();
            y[5].Should().BePositive();
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void In_place_has_the_bits_of_another_output(int n, int c, int s, int size, double beta)
    {
        var layer = new LocalResponseNorm<float>(size, 0.3, beta);
        layer.Eval();
        Tensor<float> x = Tensor<float>.RandomNormal([n, c, s], seed: 1), gradient = Tensor<float>.RandomNormal([n, c, s], seed: 2);
        Tensor<float> y = layer.Forward(x), over = x.Clone(), dx = new(x.Shape);
        layer.Forward(over, over);
        Values.Bits(over).Should().Equal(Values.Bits(y));
        var context = new ForwardContext<float>();
        layer.Forward(x, y, context);
        layer.Backward(gradient, dx, context);
        layer.Backward(gradient, gradient, context);
        Values.Bits(gradient).Should().Equal(Values.Bits(dx));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_primitives_and_tensor_spans_have_the_bits_of_the_layer(int n, int c, int s, int size, double beta)
    {
        var layer = new LocalResponseNorm<float>(size, 0.3, beta, 2) { EvenWindow = EvenWindow.MoreAfter };
        Tensor<float> x = Tensor<float>.RandomNormal([n, c, s], seed: 1), dy = Tensor<float>.RandomNormal([n, c, s], seed: 2);
        Tensor<float> y = layer.Forward(x), dx = layer.Backward(dy), other = new(x.Shape), otherGradient = new(x.Shape);
        NormalizationPrimitives.LocalResponseNormForward<float>(x.Span, n, c, s, size, 0.3, beta, 2, other.Span, EvenWindow.MoreAfter);
        NormalizationPrimitives.LocalResponseNormGradient<float>(
            x.Span, dy.Span, n, c, s, size, 0.3, beta, 2, otherGradient.Span, EvenWindow.MoreAfter);
        Values.Bits(other).Should().Equal(Values.Bits(y));
        Values.Bits(otherGradient).Should().Equal(Values.Bits(dx));
        other.Fill(0);
        otherGradient.Fill(0);
        var context = new ForwardContext<float>();
        layer.Forward(x, other.AsTensorSpan(), context);
        layer.Backward(x, dy, otherGradient.AsTensorSpan(), context);
        Values.Bits(other).Should().Equal(Values.Bits(y));
        Values.Bits(otherGradient).Should().Equal(Values.Bits(dx));
    }

    [Fact]
    public void A_sample_alone_has_the_bits_it_has_in_a_batch()
    {
        foreach (int s in (int[])[1, 3, 700])
        {
            var layer = new LocalResponseNorm<float>(5, 0.3);
            var x = Tensor<float>.RandomNormal([5, 11, s], seed: 1);
            Tensor<float> y = layer.Forward(x), alone = new(1, 11, s);
            int length = alone.Length;
            x.Span.Slice(3 * length, length).CopyTo(alone.Span);
            Values.Bits(layer.Forward(alone)).Should().Equal(Values.Bits<float>(y.Span.Slice(3 * length, length)));
        }
    }

    [Fact]
    public void Wrong_values_shapes_and_memory_are_refused()
    {
        Refuse(0, 1, 0.75, 1, "size");
        Refuse(5, -1, 0.75, 1, "alpha");
        Refuse(5, double.NaN, 0.75, 1, "alpha");
        Refuse(5, 1, 2.1, 1, "beta");
        Refuse(5, 1, double.NaN, 1, "beta");
        Refuse(5, 1, 0.75, 0, "k");
        Refuse(5, 1, 0.75, double.PositiveInfinity, "k");
        var layer = new LocalResponseNorm<float>(5);
        layer.Invoking(static layer => layer.Forward(new(4))).Should().Throw<ArgumentException>().WithMessage("expected input [N, C, ...]*");
        layer.Invoking(static layer => new LocalResponseNorm<float>(5) { EvenWindow = (EvenWindow)7 })
            .Should().Throw<ArgumentOutOfRangeException>().WithParameterName("evenWindow");
        Tensor<float> x = new(2, 3, 4);
        layer.Invoking(layer => layer.Forward(x, x)).Should().Throw<ArgumentException>().WithParameterName("output");
        Action shifted = static () =>
        {
            float[] memory = new float[9];
            NormalizationPrimitives.LocalResponseNormForward<float>(memory.AsSpan(1), 1, 8, 1, 3, 1, 1, 1, memory.AsSpan(0, 8));
        };
        shifted.Should().Throw<ArgumentException>();
        layer.ToString().Should().Be("LocalResponseNorm(5, alpha: 0.0001, beta: 0.75, k: 1)");
        layer.Forward(new(0, 3, 4)).Length.Should().Be(0);
        layer.Backward(new Tensor<float>(0, 3, 4)).Length.Should().Be(0);
        layer.Parameters.Should().BeEmpty();
        layer.GetState().Should().BeEmpty();
    }

    private static void Refuse(int size, double alpha, double beta, double k, string parameter)
    {
        Action construct = () => _ = new LocalResponseNorm<double>(size, alpha, beta, k);
        construct.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(parameter);
    }

    /// <summary>The worst error of y and dx, in units of 2⁻²³ of their terms.</summary>
    private static double Compare<T>(LocalResponse formula, int n, int c, int s, double scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> x = Scaled<T>(n, c, s, 1, scale), dy = Scaled<T>(n, c, s, 2, 1);
        LocalResponseNorm<T> layer = formula.Layer<T>();
        double[] y = Values.Doubles(layer.Forward(x)), dx = Values.Doubles(layer.Backward(dy));
        double[] expected = formula.Forward(Values.Doubles(x), n, c, s);
        (double[] gradient, double[] magnitude) = formula.Backward(Values.Doubles(x), Values.Doubles(dy), c, s);
        double unit = Math.Pow(2, -23), least = typeof(T) == typeof(float) ? float.Epsilon : 0;
        return Math.Max(
            Values.Distance(y, expected, i => (Math.Abs(expected[i]) * unit) + least),
            Values.Distance(dx, gradient, i => (magnitude[i] * unit) + least));
    }

    private static Tensor<T> Scaled<T>(int n, int c, int s, int seed, double scale) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var tensor = Tensor<T>.RandomNormal([n, c, s], seed);
        foreach (ref T element in tensor.Span)
            element *= T.CreateChecked(scale);
        return tensor;
    }

    private static Tensor<double> Golden(string key) => _golden[key].ToTensor<double>();

    private static string Python(double value) => value < 1e-3 ? "0.0001" : value % 1 == 0 ? $"{value}.0" : $"{value}";
}
