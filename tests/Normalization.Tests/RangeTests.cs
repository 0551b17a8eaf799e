using System.Numerics;
using MathNet.Numerics.Statistics;

namespace Normalization.Tests;

/// <summary>Far from zero, near the ends of float, and without any spread.</summary>
public sealed class RangeTests
{
    private static readonly Case[] _layers =
    [
        new(Kind.Batch, 6, 35), new(Kind.Batch, 6, 3, 7, 7), new(Kind.Batch, 3, 3, 70), new(Kind.Batch, 2, 2, 20_003),
        new(Kind.Instance, 3, 5, 37), new(Kind.Instance, 2, 2, 20_003),
        new(Kind.Group, 3, 6, 11) { Groups = 3 }, new(Kind.Group, 3, 6, 17) { Groups = 2 }, new(Kind.Layer, 5, 133),
        new(Kind.Layer, 2, 20_003),
        new(Kind.Rms, 5, 133), new(Kind.Layer, 5, 133) { Affine = false }, new(Kind.Rms, 2, 20_003) { Affine = false },
    ];

    public static TheoryData<int> Layers => [.. Enumerable.Range(0, _layers.Length)];

    [Theory]
    [MemberData(nameof(Layers))]
    public void Finite_floats_give_finite_outputs_and_gradients(int layer)
    {
        foreach (float magnitude in (float[])[1e37f, 3e38f, 1e30f, 1e-30f, 1e-38f, 1e-42f, float.Epsilon])
        {
            foreach (double epsilon in (double[])[1e-5, 0])
            {
                var sample = new Sample<float>(_layers[layer] with { Epsilon = epsilon });
                for (int i = 0; i < sample.Input.Length; i++)
                    sample.Input.Span[i] = (i % 7) switch { 0 => 0, 1 or 4 => -magnitude, 2 => magnitude / 2, _ => magnitude };
                sample.Layer.Forward(sample.Input, sample.Output);
                var reference = Reference.Of(sample);
                Values.Distance(Values.Doubles(sample.Output), reference.Output, i => Values.FloatUlp(reference.Scale[i])).Should()
                    .BeLessThanOrEqualTo(3, "of {0} with ε = {1}", magnitude, epsilon);

                // The gradient grows with 1 / σ; scaled by σ it stays within a float.
                float scale = (float)Math.Max(Math.Min(magnitude, 1e30), 1e-30);
                foreach (ref float gradient in sample.OutputGradient.Span)
                    gradient *= scale;
                sample.Layer.Backward(sample.OutputGradient, sample.InputGradient);
                double[] expected = reference.Gradients(Values.Doubles(sample.OutputGradient)).Input;
                if (Array.TrueForAll(expected, static value => Math.Abs(value) < float.MaxValue))
                {
                    Values.Distance(Values.Doubles(sample.InputGradient), expected, 1e-37).Should()
                        .BeLessThan(3e-7, "of {0} with ε = {1}", magnitude, epsilon);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_constant_group_gives_exactly_beta(int layer)
    {
        if (_layers[layer].Kind == Kind.Rms)
            return;
        foreach (double epsilon in (double[])[1e-5, 0])
        {
            foreach (double value in (double[])[0, 1234, 12345.678, -1e-20, 3e38])
            {
                Constant<float>(_layers[layer] with { Epsilon = epsilon }, value);
                Constant<double>(_layers[layer] with { Epsilon = epsilon }, value);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Outputs_far_from_zero_are_within_3_scaled_ulp(int layer)
    {
        foreach ((double mean, double deviation) in ((double, double)[])[(1e4, 1e-2), (-1e4, 1), (1e6, 1), (1, 1e-6), (1e8, 100)])
        {
            Sample<float> sample = new Sample<float>(_layers[layer], mean, deviation).Run();
            var reference = Reference.Of(sample);
            Values.Distance(Values.Doubles(sample.Output), reference.Output, i => Values.FloatUlp(reference.Scale[i])).Should()
                .BeLessThanOrEqualTo(3, "at N({0}, {1})", mean, deviation);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Statistics_far_from_zero_are_within_a_float_ulp(int layer)
    {
        foreach ((double mean, double deviation) in ((double, double)[])[(1e4, 1e-2), (-1e4, 1), (1e6, 1), (0, 1)])
        {
            Sample<float> sample = new Sample<float>(_layers[layer], mean, deviation).Run();
            var reference = Reference.Of(sample);
            double[] means = [.. Enumerable.Range(0, reference.Mean.Length).Select(sample.Context.GetMean)];
            double[] inverses = [.. Enumerable.Range(0, reference.Mean.Length).Select(sample.Context.GetInverseStandardDeviation)];
            Values.Distance(means, reference.Mean, g => Math.Max(Values.FloatUlp(reference.Mean[g]), 1e-7 * Math.Sqrt(reference.Variance[g])))
                .Should().BeLessThanOrEqualTo(1);
            Values.Distance(inverses, reference.InverseStandardDeviation, g => Values.FloatUlp(reference.InverseStandardDeviation[g]))
                .Should().BeLessThanOrEqualTo(1);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void An_outlier_first_does_not_cost_the_others_their_digits(int layer)
    {
        Case item = _layers[layer];
        foreach (float outlier in (float[])[1e6f, -3e4f])
        {
            var sample = new Sample<float>(item, mean: 3, deviation: 1e-2);
            sample.Input.Span[0] = outlier;
            sample.Run();
            var reference = Reference.Of(sample);
            Values.Distance(Values.Doubles(sample.Output), reference.Output, i => Values.FloatUlp(reference.Scale[i])).Should()
                .BeLessThanOrEqualTo(3);
        }
    }

    [Fact]
    public void Moments_are_those_of_MathNet()
    {
        double[] values = Sample<double>.Normal([10_007], 5, 1e4, 1e-2).Span.ToArray();
        double[] mean = new double[1], variance = new double[1];
        NormalizationPrimitives.LayerNormMoments<double>(values, 1, values.Length, mean, variance);
        mean[0].Should().BeApproximately(values.Mean(), 1e-10);
        (variance[0] / values.PopulationVariance()).Should().BeApproximately(1, 1e-9);
        float[] floats = Array.ConvertAll(values, static value => (float)value);
        NormalizationPrimitives.LayerNormMoments<float>(floats, 1, floats.Length, mean, variance);
        double[] rounded = Array.ConvertAll(floats, static value => (double)value);
        mean[0].Should().BeApproximately(rounded.Mean(), 1e-10);
        (variance[0] / rounded.PopulationVariance()).Should().BeApproximately(1, 1e-9);
    }

    [Theory]
    [InlineData(1e30, 0)]
    [InlineData(1e-25, 0)]
    [InlineData(1e-25, 1e-60)]
    [InlineData(1e-12, 1e-20)]
    public void Squares_that_leave_the_range_of_floats_do_not_spoil_RmsNorm(double scale, double epsilon)
    {
        const int Rows = 9, Width = 300;
        float[] x = [.. Sample<double>.Normal([Rows * Width], 5, 0, scale).Span.ToArray().Select(static v => (float)v)];
        // One ordinary row lies among the others, whose four neighbors are computed side by side.
        for (int i = 0; i < Width; i++)
            x[(2 * Width) + i] = i % 7;
        var layer = new RmsNorm<float>(Width, epsilon, elementwiseAffine: false);
        float[] y = layer.Forward(new Tensor<float>(x, Rows, Width)).Span.ToArray();
        for (int row = 0; row < Rows; row++)
        {
            double[] values = Array.ConvertAll(x[(row * Width)..((row + 1) * Width)], static v => (double)v);
            double root = Math.Sqrt((values.Sum(static v => v * v) / Width) + epsilon);
            double[] actual = Array.ConvertAll(y[(row * Width)..((row + 1) * Width)], static v => (double)v);
            Values.Distance(actual, Array.ConvertAll(values, v => v / root), static _ => 6e-7).Should().BeLessThanOrEqualTo(1, "of row {0}", row);
        }
    }

    [Fact]
    public void The_variance_is_never_negative()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            float[] values = Sample<float>.Normal([37], seed, 1e7, 0.3).Span.ToArray();
            double[] mean = new double[1], variance = new double[1];
            NormalizationPrimitives.LayerNormMoments<float>(values, 1, 37, mean, variance);
            variance[0].Should().BeGreaterThanOrEqualTo(0);
        }
    }

    /// <summary>A power of two scales every step exactly: where it does not, a choice was made by a size instead of a ratio.</summary>
    [Theory]
    [InlineData(-40)]
    [InlineData(-20)]
    [InlineData(20)]
    [InlineData(40)]
    public void An_outlier_at_the_front_costs_the_same_digits_at_every_scale(int exponent)
    {
        const int Width = 257;
        double[] x = Sample<double>.Normal([Width], 1, 0, 1e-6).Span.ToArray(), scaled = new double[Width];
        x[0] = 1;
        for (int i = 0; i < Width; i++)
            scaled[i] = double.ScaleB(x[i], exponent);
        var layer = new LayerNorm<double>(Width, epsilon: 0);
        Tensor<double> expected = layer.Forward(new(x, 1, Width)), output = layer.Forward(new(scaled, 1, Width));
        output.Span.ToArray().Should().Equal(expected.Span.ToArray());
    }

    private static void Constant<T>(Case item, double value) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(item);
        sample.Input.Fill(T.CreateChecked(value));
        sample.Layer.Forward(sample.Input, sample.Output);
        double[] bias = Values.Doubles(sample.Layer.Bias?.Value), output = Values.Doubles(sample.Output);
        for (int i = 0; i < output.Length; i++)
            output[i] -= bias.Length == 0 ? 0 : bias[item.CoefficientOf(i)];
        output.AsSpan().IndexOfAnyExcept(0).Should().Be(-1, "of {0}", value);
    }
}
