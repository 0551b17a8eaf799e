using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Tests;

/// <summary>Backward that goes through ReLU by x alone, beside the same steps one after another.</summary>
[Collection(nameof(Settings))]
public sealed class ReluBackwardTests
{
    private static readonly Case[] _cases =
    [
        new(Kind.Batch, 20, 7, 701), new(Kind.Batch, 2, 3, 20011), new(Kind.Batch, 11, 5, 19, 17) { Track = true },
        new(Kind.Batch, 4, 6, 300) { Affine = false }, new(Kind.Instance, 3, 5, 4099) { Affine = true }, new(Kind.Instance, 2, 3, 30011),
        new(Kind.Group, 3, 6, 4105) { Groups = 3 }, new(Kind.Group, 2, 6, 9001) { Groups = 1 }, new(Kind.Layer, 7, 5003) { Affine = false },
        new(Kind.Rms, 9, 4097) { Affine = false },
    ];

    public static TheoryData<int> Indices => [.. Enumerable.Range(0, _cases.Length)];

    [Theory]
    [MemberData(nameof(Indices))]
    public void A_gradient_that_goes_through_relu_by_x_has_the_bits_of_its_steps(int index)
    {
        foreach (int width in (int[])[512, 256, 128])
        {
            using var vectors = Setting.Width(width);
            foreach (int degree in (int[])[1, 3])
            {
                using var setting = Setting.Degree(degree);
                foreach (Terms terms in (Terms[])[Terms.None, Terms.Residual])
                    Compare(Sample(_cases[index], terms), terms);
            }
        }
    }

    /// <summary>Columns go by x where the tensors leave the caches, which depends on the machine.</summary>
    [Theory]
    [InlineData(49, 77)]
    [InlineData(1, 1100)]
    [InlineData(1, 5)]
    public void Columns_that_go_through_relu_by_x_have_the_bits_of_their_steps(int s, int channels)
    {
        Assert.SkipWhen(Thresholds.LastLevelCacheBytes > 64 << 20, "The tensors would have to be too large for a test.");
        int rows = (int)(Thresholds.LastLevelCacheBytes / 4 / (channels * s * sizeof(float))) + 1;
        foreach (int degree in (int[])[1, 3])
        {
            using var setting = Setting.Degree(degree);
            FusedSample<float> sample = Sample(new(Kind.Batch, rows, channels, s), Terms.None);
            sample.Compose();
            sample.Run();
            sample.Layer.InputGradient.Span.SequenceEqual(sample.Plain.InputGradient.Span).Should().BeTrue();
            CompareParameters(sample, Terms.None);
        }
    }

    [Theory]
    [InlineData(1e-33)]
    [InlineData(1e33)]
    public void Channels_beyond_the_range_of_floats_go_through_relu_step_by_step(double scale)
    {
        for (int i = 0; i < _cases.Length; i++)
        {
            FusedSample<float> sample = new(_cases[i] with { Activation = Activation.Relu, Epsilon = 0 }, Terms.None, scale: scale);
            Compare(sample, Terms.None);
        }
    }

    [Fact]
    public void Channels_whose_weight_is_zero_pass_by_their_bias()
    {
        FusedSample<float> sample = Sample(_cases[0], Terms.None);
        foreach (Sample<float> one in (Sample<float>[])[sample.Layer, sample.Plain])
        {
            one.Layer.Weight!.Value.Span[..3].Clear();
            (one.Layer.Bias!.Value.Span[0], one.Layer.Bias.Value.Span[1], one.Layer.Bias.Value.Span[2]) = (0, -1, 1);
        }
        Compare(sample, Terms.None);
    }

    /// <summary>Whether a large part of a group's dy is common is asked of what ReLU leaves of it.</summary>
    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.Group)]
    public void A_common_part_of_dy_is_looked_for_behind_relu(Kind kind)
    {
        const int N = 4, C = 2, S = 5000;
        FusedSample<float> sample = new(new(kind, N, C, S) { Activation = Activation.Relu, Groups = C, Affine = true }, Terms.None);
        foreach (Sample<float> one in (Sample<float>[])[sample.Layer, sample.Plain])
        {
            one.Layer.Weight!.Value.Fill(1);
            one.Layer.Bias!.Value.Fill(1.5f);
            for (int i = 0; i < N * C * S; i++)
            {
                // The elements that are looked at do not pass.
                bool isLooked = i % S is 0 or (S / 2) or (S - 1);
                one.Input.Span[i] = isLooked ? -6 : one.Input.Span[i];
                one.OutputGradient.Span[i] = (isLooked ? 900 : 1000) + one.OutputGradient.Span[i];
            }
        }
        Compare(sample, Terms.None);
    }

    [Fact]
    public void A_bound_decides_for_every_float_as_the_norm_does()
    {
        var random = new Random(7);
        for (int i = 0; i < 2000; i++)
        {
            double size = Math.Pow(10, random.Next(-8, 8)), mean = (random.NextDouble() - 0.5) * size * (i % 3 == 0 ? 1e4 : 1);
            GroupStatistics<One> statistics = new()
            {
                Mean = mean,
                Variance = size * size,
                InverseStandardDeviation = 1 / size,
                MeanLow = mean * 1e-9,
            };
            double weight = random.NextDouble() - 0.5, bias = (i % 4) switch { 0 => 0, 1 => 1e-12, 2 => 1e4, _ => 1 } * (random.NextDouble() - 0.5);
            var affine = Affine<One>.Create<float>(statistics, weight, bias);
            ReluBound.TryFind(affine, out double sign, out double least).Should().BeTrue();
            float near = (float)(least * sign), below = near, above = near;
            for (int k = 0; k < 200; k++)
            {
                float any = (float)(mean + ((random.NextDouble() - 0.5) * 6 * size));
                foreach (float x in (ReadOnlySpan<float>)[below, above, any])
                    IsPassed(x, sign, least).Should().Be(IsPositive(x, affine), "{0} at {1}", x, affine);
                (below, above) = (MathF.BitDecrement(below), MathF.BitIncrement(above));
            }
            foreach (float x in (ReadOnlySpan<float>)[0, -0f, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN])
                IsPassed(x, sign, least).Should().Be(IsPositive(x, affine), "{0} at {1}", x, affine);
        }
    }

    [Fact]
    public void Coefficients_that_are_not_finite_have_no_bound()
    {
        GroupStatistics<One> statistics = new() { Mean = 1, Variance = 1, InverseStandardDeviation = double.NaN };
        ReluBound.TryFind(Affine<One>.Create<float>(statistics, 1, 0), out _, out _).Should().BeFalse();
        statistics = statistics with { InverseStandardDeviation = 1 };
        ReluBound.TryFind(Affine<One>.Create<float>(statistics, 1, double.NaN), out _, out _).Should().BeFalse();
        ReluBound.TryFind(Affine<One>.Create<float>(statistics, 1e-40, 1), out _, out _).Should().BeFalse();
    }

    private static bool IsPassed(float x, double sign, double least) => !(least > x * sign);

    /// <summary>As ReLU decides: a NaN passes.</summary>
    private static bool IsPositive(float x, in Affine<One> affine) =>
        !(MathF.FusedMultiplyAdd(x - (float)affine.Pivot, (float)affine.Scale, (float)affine.Shift) <= 0);

    /// <summary>Half of the weights are negative.</summary>
    private static FusedSample<float> Sample(Case item, Terms terms)
    {
        FusedSample<float> sample = new(item with { Activation = Activation.Relu }, terms);
        foreach (Sample<float> one in (Sample<float>[])[sample.Layer, sample.Plain])
        {
            for (int i = 0; one.Layer.Weight is Parameter<float> weight && i < weight.Value.Length; i += 2)
                weight.Value.Span[i] = -weight.Value.Span[i];
        }
        return sample;
    }

    private static void Compare(FusedSample<float> sample, Terms terms)
    {
        sample.Compose();
        sample.Run();
        Values.Bits(sample.Layer.InputGradient).Should().Equal(Values.Bits(sample.Plain.InputGradient), "{0} with {1}", sample.Layer.Case, terms);
        CompareParameters(sample, terms);
    }

    private static void CompareParameters(FusedSample<float> sample, Terms terms)
    {
        for (int i = 0; i < sample.Layer.Layer.Parameters.Count; i++)
        {
            Tensor<float> actual = sample.Layer.Layer.Parameters[i].Gradient, expected = sample.Plain.Layer.Parameters[i].Gradient;
            Values.Bits(actual).Should().Equal(Values.Bits(expected), "{0} with {1}", sample.Layer.Case, terms);
        }
    }
}
