using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Tests;

/// <summary>Statistics of the channels at each position, and how parts of statistics become one.</summary>
[Collection(nameof(Settings))]
public sealed class PositionTests
{
    [Theory]
    [InlineData(2, 3, 20, true)]
    [InlineData(3, 64, 1000, true)]
    [InlineData(1, 17, 33, false)]
    [InlineData(3, 300, 71, true)]
    [InlineData(40, 48, 1, true)]
    public void Channels_at_a_position_have_the_bits_of_a_row_for_every_number_of_threads(int n, int c, int s, bool subtractMean)
    {
        var layer = new PositionNorm(c, subtractMean);
        Tensor<float> input = Tensor<float>.RandomNormal([n, c, s], 1, mean: 2), gradient = Tensor<float>.RandomNormal([n, c, s], 2);
        NormalizationLayer<float> rows = subtractMean ? new LayerNorm<float>(c) : new RmsNorm<float>(c, 1e-5);
        Tensor<float> output = rows.Forward(Transpose(input)), expected = rows.Backward(Transpose(gradient));
        foreach (int degree in new[] { 1, 3 })
        {
            using var setting = Setting.Degree(degree);
            layer.ZeroGradients();
            Values.Bits(Transpose(layer.Forward(input))).Should().Equal(Values.Bits(output));
            Values.Bits(Transpose(layer.Backward(gradient))).Should().Equal(Values.Bits(expected));
            Values.Bits(layer.Weight!.Gradient).Should().Equal(Values.Bits(rows.Weight!.Gradient));
        }
    }

    [Fact]
    public void Statistics_of_parts_are_those_of_the_whole_whatever_the_parts()
    {
        double[] values = [.. Enumerable.Range(0, 40).Select(static i => 1e6 + Math.Sin(i))];
        double mean = 1e6 + values.Average(static value => value - 1e6), variance = values.Average(value => (value - mean) * (value - mean));
        int[][] cuts = [[40], [1, 39], [0, 20, 0, 20], [7, 0, 13, 20], [0, 0, 40]];
        foreach (int[] sizes in cuts)
        {
            var parts = new List<CountedMoments>();
            int start = 0;
            foreach (int size in sizes)
            {
                parts.Add(Moments(values.AsSpan(start, size)));
                start += size;
            }
            GroupStatistics<One> whole = CountedMoments.Merge<double>(parts.ToArray(), 0);
            ((double)whole.Mean + (double)whole.MeanLow).Should().BeApproximately(mean, 1e-9);
            ((double)whole.Variance).Should().BeApproximately(variance, 1e-9);
        }
    }

    [Fact]
    public void A_part_without_elements_spoils_nothing_and_a_part_that_is_not_finite_does()
    {
        CountedMoments part = new(3, 2, 0, 6), none = new(0, double.NaN, double.NaN, 0);
        ((double)CountedMoments.Merge<float>([none, part, none], 1).Variance).Should().Be(2);
        ((double)CountedMoments.Merge<float>([part, new(1, double.PositiveInfinity, 0, double.NaN)], 1).Variance).Should().Be(double.NaN);
    }

    private static CountedMoments Moments(ReadOnlySpan<double> values)
    {
        if (values.IsEmpty)
            return default;
        double sum = 0, squares = 0;
        foreach (double value in values)
            sum += value - 1e6;
        double mean = 1e6 + (sum / values.Length);
        foreach (double value in values)
            squares += (value - mean) * (value - mean);
        return new(values.Length, mean, 0, squares);
    }

    /// <summary>[n, c, s] as [n · s, c].</summary>
    private static Tensor<float> Transpose(Tensor<float> tensor)
    {
        (int n, int c, int s) = (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2]);
        var rows = new Tensor<float>(n * s, c);
        for (int i = 0; i < tensor.Length; i++)
            rows.Span[(((i / (c * s) * s) + (i % s)) * c) + (i / s % c)] = tensor.Span[i];
        return rows;
    }

    private sealed class PositionNorm(int channels, bool subtractMean)
        : NormalizationLayer<float>(1e-5, [channels], hasWeight: true, hasBias: subtractMean)
    {
        protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
            NormalizationPlan.Positions(shape[0], shape[1], shape[2], subtractMean: Bias is not null);
    }
}
