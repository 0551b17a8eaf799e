using System.Collections.Concurrent;

namespace Normalization.Tests;

/// <summary>Scales at which a product or a square on the way leaves the range of the type, although the result does not.</summary>
public sealed class ScaleTests
{
    private static readonly Case[] _layers =
    [
        new(Kind.Batch, 6, 35), new(Kind.Batch, 6, 3, 7, 7), new(Kind.Batch, 3, 3, 300), new(Kind.Batch, 2, 2, 9001), new(Kind.Batch, 700, 3),
        new(Kind.Instance, 3, 5, 37), new(Kind.Instance, 1, 2, 33_003),
        new(Kind.Group, 3, 6, 11) { Groups = 3 }, new(Kind.Group, 3, 6, 40) { Groups = 2 }, new(Kind.Group, 1, 4, 9001) { Groups = 2 },
        new(Kind.Group, 2, 280, 31) { Groups = 2 }, new(Kind.Layer, 5, 133), new(Kind.Layer, 2, 9001), new(Kind.Layer, 5, 7),
        new(Kind.Rms, 5, 133), new(Kind.Rms, 2, 9001), new(Kind.Layer, 5, 133) { Affine = false }, new(Kind.Rms, 2, 9001) { Affine = false },
    ];

    private static readonly ConcurrentDictionary<Case, (double[] Output, double[] Input, double[] Weight, double[] Bias)> _exact = new();

    /// <summary>Exponents of two for x, for γ and β, and for dy.</summary>
    public static TheoryData<int, int, int> Exponents => new()
    {
        { 1000, 0, 0 }, { -1000, 0, 0 }, { 500, 0, 0 }, { -500, 0, 0 }, { 400, 0, 0 }, { 350, 0, 0 }, { -366, 0, 0 },
        { -465, 565, 0 }, { 465, -581, 0 }, { 0, 1000, 0 }, { 0, -1000, 0 }, { 0, 0, 1000 }, { 0, 0, -1000 },
        { 990, 990, 0 }, { -990, -990, 0 }, { 990, 0, 990 }, { -990, 0, -990 }, { 0, 900, -990 }, { 0, -900, 990 },
        { 300, 700, 500 }, { -300, -700, -500 }, { 700, -200, 990 }, { -700, 200, -990 }, { 330, 990, -990 }, { -330, -600, 600 },
    };

    [Theory]
    [MemberData(nameof(Exponents))]
    public void Doubles_of_every_scale_are_within_1e_13_of_the_formula(int x, int gamma, int dy)
    {
        foreach (Case item in _layers)
        {
            Sample<double> scaled = Sampled(item);
            (double[] y, double[] input, double[] weight, double[] bias) = _exact.GetOrAdd(item, ExactAtScaleOne);
            Scale(scaled.Input, x);
            Scale(scaled.Layer.Weight?.Value, gamma);
            Scale(scaled.Layer.Bias?.Value, gamma);
            Scale(scaled.OutputGradient, dy);
            scaled.Run();
            int output = item.Affine ? gamma : 0;
            Distance(scaled.Output, output, y).Should().BeLessThan(1e-13, "y of {0}", item);
            if (Math.Abs(dy + output - x) <= 1000)
                Distance(scaled.InputGradient, dy + output - x, input).Should().BeLessThan(2e-13, "dx of {0}", item);
            Distance(scaled.Layer.Weight?.Gradient, dy, weight).Should().BeLessThan(1e-13, "dγ of {0}", item);
            Distance(scaled.Layer.Bias?.Gradient, dy, bias).Should().BeLessThan(1e-13, "dβ of {0}", item);
        }
    }

    [Theory]
    [InlineData(700, 700)]
    [InlineData(-700, -700)]
    [InlineData(-1000, 1000)]
    [InlineData(0, 1000)]
    public void Given_statistics_of_every_scale_are_within_1e_13_of_the_formula(int gamma, int dy)
    {
        foreach (Case item in (Case[])[new(Kind.Batch, 6, 35) { Track = true }, new(Kind.Batch, 3, 4, 400) { Track = true }])
        {
            Sample<double> plain = Sampled(item), scaled = Sampled(item);
            plain.Run(isTraining: false);
            // Given variances as large as γ · dy keep the gradient within a double.
            int half = Math.Clamp(gamma + dy, -1000, 1000) / 2;
            Scale(scaled.Input, half);
            Scale(scaled.Running!.RunningMean, half);
            Scale(scaled.Running.RunningVariance, 2 * half);
            Scale(scaled.Layer.Weight!.Value, gamma);
            Scale(scaled.Layer.Bias!.Value, gamma);
            Scale(scaled.OutputGradient, dy);
            scaled.Run(isTraining: false);
            Distance(scaled.Output, gamma, Values.Doubles(plain.Output)).Should().BeLessThan(1e-13, "y of {0}", item);
            Distance(scaled.InputGradient, gamma + dy - half, Values.Doubles(plain.InputGradient)).Should().BeLessThan(1e-13, "dx of {0}", item);
            Distance(scaled.Layer.Weight.Gradient, dy, Values.Doubles(plain.Layer.Weight!.Gradient)).Should().BeLessThan(1e-13, "dγ of {0}", item);
            var alone = new Tensor<double>(item.Shape);
            NormalizationLayer<double> frozen = scaled.Layer;
            var context = new ForwardContext<double>();
            frozen.Forward(scaled.Input, scaled.Output, context);
            frozen.Backward(scaled.OutputGradient, alone, context);
            alone.Span.ToArray().Should().Equal(scaled.InputGradient.Span.ToArray());
        }
    }

    /// <summary>The two golden cases of PyTorch named huge_1e150: their results are those at scale 1, for ε is nothing beside the variance.</summary>
    [Theory]
    [InlineData(Kind.Layer)]
    [InlineData(Kind.Batch)]
    public void Data_of_1e150_is_normalized_as_data_of_1(Kind kind)
    {
        Case item = new(kind, 6, 10);
        Sample<double> plain = Sampled(item), huge = new(item);
        for (int i = 0; i < plain.Input.Length; i++)
        {
            plain.Input.Span[i] *= 1e150 / double.ScaleB(1, 500);
            huge.Input.Span[i] = double.ScaleB(plain.Input.Span[i], 500);
        }
        var reference = Reference.Of(plain);
        huge.Run();
        Distance(huge.Output, 0, reference.Output).Should().BeLessThan(1e-13);
        Distance(huge.InputGradient, -500, reference.Gradients(Values.Doubles(plain.OutputGradient)).Input).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void Statistics_of_huge_and_tiny_doubles_are_those_of_ordinary_ones_scaled()
    {
        double[] x = Sample<double>.Normal([1000], 3, 0.3, 1).Span.ToArray(), mean = new double[1], variance = new double[1];
        NormalizationPrimitives.LayerNormMoments<double>(x, 1, 1000, mean, variance);
        foreach (int exponent in (int[])[1015, 700, 511, -511, -530, -1000])
        {
            double[] scaled = Array.ConvertAll(x, value => double.ScaleB(value, exponent)), m = new double[1], v = new double[1];
            NormalizationPrimitives.LayerNormMoments<double>(scaled, 1, 1000, m, v);
            (m[0] / double.ScaleB(mean[0], exponent)).Should().BeApproximately(1, 1e-13);
            double expected = double.ScaleB(variance[0], 2 * exponent);
            v[0].Should().BeApproximately(expected, (1e-13 * Math.Min(expected, 1e308)) + double.Epsilon);
        }
    }

    [Theory]
    [InlineData(1e30f, 1e18f, 1e30f)]
    [InlineData(1e-20f, 1e-25f, 1e-20f)]
    [InlineData(1e18f, 3e20f, 1e22f)]
    [InlineData(1e-30f, 1e-30f, 1e-20f)]
    public void A_product_of_weight_and_gradient_beyond_float_does_not_spoil_the_input_gradient(float x, float gamma, float dy)
    {
        Case[] layers =
        [
            new(Kind.Layer, 5, 133), new(Kind.Layer, 5, 333), new(Kind.Rms, 5, 133), new(Kind.Rms, 9, 9000),
            new(Kind.Group, 3, 64, 5) { Groups = 2 }, new(Kind.Group, 3, 6, 600) { Groups = 2 }, new(Kind.Instance, 3, 5, 1024),
            new(Kind.Batch, 40, 7), new(Kind.Batch, 3, 3, 300),
        ];
        foreach (Case item in layers)
        {
            Sample<float> sample = new(item with { Epsilon = 0 });
            Multiply(sample.Input, x);
            Multiply(sample.Layer.Weight!.Value, gamma);
            Multiply(sample.OutputGradient, dy);
            var reference = Reference.Of(sample);
            double[] expected = reference.Gradients(Values.Doubles(sample.OutputGradient)).Input;
            sample.Run();
            Values.Distance(Values.Doubles(sample.InputGradient), expected).Should().BeLessThan(3e-7, "of {0}", item);
        }
    }

    /// <summary>Four rows are added before they become doubles. dβ and dγ have a value although dy is near the largest float.</summary>
    [Theory]
    [InlineData(64)]
    [InlineData(300)]
    public void Large_gradients_of_four_rows_do_not_overflow(int width)
    {
        var sample = new Sample<float>(new(Kind.Layer, 8, width));
        sample.Layer.Weight!.Value.Fill(1e-10f);
        for (int i = 0; i < sample.OutputGradient.Length; i++)
            sample.OutputGradient.Span[i] = i / width < 4 ? 2e38f : -2e38f;
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        sample.Run();
        double scale = 8 * 2e38;
        for (int i = 0; i < weight.Length; i++)
        {
            if (Math.Abs(weight[i]) < float.MaxValue)
                ((double)sample.Layer.Weight.Gradient.Span[i]).Should().BeApproximately(weight[i], 3e-7 * scale);
            ((double)sample.Layer.Bias!.Gradient.Span[i]).Should().BeApproximately(bias[i], 3e-7 * scale);
        }
        Values.Distance(Values.Doubles(sample.InputGradient), input, reference.LargestTerm).Should().BeLessThan(3e-7);
    }

    /// <summary>1 / σ is beyond the floats in the first row, and its neighbors are ordinary.</summary>
    [Theory]
    [InlineData(64)]
    [InlineData(300)]
    public void Rows_that_floats_cannot_normalize_have_gradients(int width)
    {
        var sample = new Sample<float>(new Case(Kind.Layer, 8, width) { Epsilon = 0 });
        for (int i = 0; i < width; i++)
            sample.Input.Span[i] = float.Epsilon * (i % 3);
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        sample.Run();
        Values.Distance(Values.Doubles(sample.Layer.Weight!.Gradient), weight).Should().BeLessThan(3e-7);
        Values.Distance(Values.Doubles(sample.InputGradient).AsSpan(width), input.AsSpan(width)).Should().BeLessThan(3e-7);
    }

    [Theory]
    [InlineData(1e-200)]
    [InlineData(1e-220)]
    [InlineData(1e-300)]
    [InlineData(double.Epsilon)]
    public void A_constant_group_has_no_gradient_however_small_epsilon_is(double epsilon)
    {
        foreach (Case item in _layers.Where(static item => item.Kind != Kind.Rms))
        {
            Constant<float>(item with { Epsilon = epsilon });
            Constant<double>(item with { Epsilon = epsilon });
        }

        static void Constant<T>(Case item) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            var sample = new Sample<T>(item);
            sample.Input.Fill(T.CreateChecked(1234.5));
            sample.OutputGradient.Fill(T.One);
            sample.Layer.Weight?.Value.Fill(T.CreateChecked(0.5));
            sample.Run();
            sample.InputGradient.Span.IndexOfAnyExcept(T.Zero).Should().Be(-1, "of {0}", item);
        }
    }

    [Theory]
    [InlineData(Kind.Batch, 6, 5, 1)]
    [InlineData(Kind.Batch, 6, 5, 7)]
    [InlineData(Kind.Batch, 3, 3, 300)]
    [InlineData(Kind.Layer, 5, 133, 1)]
    [InlineData(Kind.Layer, 3, 20_003, 1)]
    [InlineData(Kind.Rms, 5, 133, 1)]
    [InlineData(Kind.Group, 3, 8, 40)]
    [InlineData(Kind.Group, 3, 8, 5)]
    [InlineData(Kind.Instance, 3, 8, 40)]
    public void An_infinite_weight_gives_an_infinity_of_the_sign_of_the_normalized_input(Kind kind, int n, int c, int s)
    {
        int[] shape = kind is Kind.Layer or Kind.Rms ? [n, c] : [n, c, s];
        Case item = new(kind, shape) { Groups = kind == Kind.Group ? 2 : 1 };
        Check<float>(item);
        Check<double>(item);

        static void Check<T>(Case item) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            Sample<T> plain = new(item), infinite = new(item);
            plain.Layer.Weight!.Value.Fill(T.One);
            plain.Layer.Bias?.Value.Fill(T.Zero);
            infinite.Layer.Weight!.Value.Span[1] = T.PositiveInfinity;
            plain.Layer.Forward(plain.Input, plain.Output);
            infinite.Layer.Forward(infinite.Input, infinite.Output);
            for (int i = 0; i < plain.Input.Length; i++)
            {
                if (item.CoefficientOf(i) == 1)
                    infinite.Output.Span[i].Should().Be(plain.Output.Span[i] > T.Zero ? T.PositiveInfinity : T.NegativeInfinity, "at {0} of {1}", i, item);
                else
                    T.IsFinite(infinite.Output.Span[i]).Should().BeTrue();
            }
        }
    }

    private static (double[] Output, double[] Input, double[] Weight, double[] Bias) ExactAtScaleOne(Case item)
    {
        Sample<double> sample = Sampled(item);
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        return (reference.Output, input, weight, bias);
    }

    private static Sample<double> Sampled(Case item) => new(item with { Epsilon = 0 });

    private static void Multiply(Tensor<float> tensor, float factor)
    {
        foreach (ref float value in tensor.Span)
            value *= factor;
    }

    private static void Scale(Tensor<double>? tensor, int exponent)
    {
        if (tensor is null)
            return;
        foreach (ref double value in tensor.Span)
            value = double.ScaleB(value, exponent);
    }

    /// <summary>How far results are from those at scale 1.</summary>
    private static double Distance(Tensor<double>? actual, int exponent, double[] expected) =>
        actual is null ? 0 : Values.Distance(Array.ConvertAll(Values.Doubles(actual), value => double.ScaleB(value, -exponent)), expected);
}
