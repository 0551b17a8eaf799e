using System.Numerics;

namespace Normalization.Tests;

/// <summary>Running statistics over many batches, and over batches without a weight.</summary>
public sealed class RunningAverageTests
{
    [Fact]
    public void The_cumulative_average_of_many_batches_goes_on_moving_in_float()
    {
        const int Half = 20_000;
        var layer = new BatchNorm1d<float>(2, momentum: null);
        // The step of one batch toward the second mean is far below an ulp.
        Train(layer, Half, [0.5f, -7, 1.5f, -5]);
        Train(layer, Half, [0.501f, -7.01f, 1.501f, -4.99f]);
        double[] mean = [(1 + (((double)0.501f + 1.501f) / 2)) / 2, -6];
        double[] variance = [0.5, (2 + (Math.Pow((double)-4.99f + 7.01f, 2) / 2)) / 2];
        Distance(layer.RunningMean, mean, static _ => 1).Should().BeLessThan(2);
        Distance(layer.RunningVariance, variance, static _ => 1).Should().BeLessThan(2);
    }

    [Fact]
    public void A_small_momentum_moves_floats_all_the_way()
    {
        var layer = new BatchNorm1d<float>(2, momentum: 1e-3);
        Train(layer, 30_000, [0.5f, -7, 1.5f, -5]);
        Distance(layer.RunningMean, [1, -6], static _ => 1).Should().BeLessThan(2);
        Distance(layer.RunningVariance, [0.5, 2], static _ => 1).Should().BeLessThan(2);
    }

    [Theory]
    [InlineData("write")]
    [InlineData("reset")]
    [InlineData("load")]
    [InlineData("copy")]
    public void Running_statistics_that_somebody_sets_are_where_the_next_batch_starts(string how)
    {
        BatchNorm1d<float> source = new(2, momentum: null), used = new(2, momentum: null), fresh = new(2, momentum: null);
        Train(source, 7, [1.1f, 2.3f, 3.7f, 4.9f]);
        Train(used, 5, [0.1f, 0.7f, 0.6f, 0.9f]);
        switch (how)
        {
            case "write":
                (used.RunningMean!.Span[0], used.RunningVariance!.Span[1]) = (3, 0.3f);
                used.RunningMean.CopyTo(fresh.RunningMean!);
                used.RunningVariance.CopyTo(fresh.RunningVariance!);
                Train(used, 1, [5, 6, 7, 8]);
                fresh.BatchesTracked = 5;
                Train(fresh, 1, [5, 6, 7, 8]);
                used.RunningMean.Span[0].Should().Be(fresh.RunningMean!.Span[0]);
                used.RunningVariance.Span[1].Should().Be(fresh.RunningVariance!.Span[1]);
                return;
            case "reset":
                used.ResetRunningStatistics();
                break;
            case "load":
                // The loaded values are the stored ones already, without what rounding took from them.
                used.ResetRunningStatistics();
                Train(used, 7, [1.1f, 2.3f, 3.7f, 4.9f]);
                used.LoadState(source.GetState());
                fresh.LoadState(source.GetState());
                break;
            default:
                Copy(source, used);
                Copy(source, fresh);
                break;
        }
        for (int batch = 0; batch < 30; batch++)
        {
            Train(used, 1, [5.3f, 6 + (0.1f * batch), 7, 8]);
            Train(fresh, 1, [5.3f, 6 + (0.1f * batch), 7, 8]);
            Values.Bits(used.RunningMean).Should().Equal(Values.Bits(fresh.RunningMean));
            Values.Bits(used.RunningVariance).Should().Equal(Values.Bits(fresh.RunningVariance));
        }

        static void Copy(BatchNorm1d<float> from, BatchNorm1d<float> to)
        {
            from.RunningMean!.CopyTo(to.RunningMean!);
            from.RunningVariance!.CopyTo(to.RunningVariance!);
            to.BatchesTracked = from.BatchesTracked;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_empty_batch_has_no_weight_in_the_cumulative_average(bool isFirst)
    {
        BatchNorm1d<double> layer = new(1, momentum: null), without = new(1, momentum: null);
        double[][] batches = isFirst ? [[], [1, 3], [5, 9]] : [[1, 3], [], [], [5, 9]];
        foreach (double[] batch in batches)
        {
            layer.Forward(new Tensor<double>(batch, batch.Length, 1));
            if (batch.Length > 0)
                without.Forward(new Tensor<double>(batch, batch.Length, 1));
        }
        layer.RunningMean!.Span[0].Should().Be(without.RunningMean!.Span[0]).And.Be(4.5);
        layer.RunningVariance!.Span[0].Should().Be(without.RunningVariance!.Span[0]).And.Be(5);
        layer.BatchesTracked.Should().Be(batches.Length, "empty batches count");
    }

    [Fact]
    public void A_momentum_of_zero_takes_nothing_from_a_batch_that_is_not_finite()
    {
        var layer = new BatchNorm1d<float>(2, momentum: 0);
        layer.Forward(new Tensor<float>([float.NaN, 1, 2, float.PositiveInfinity], 2, 2));
        layer.RunningMean!.Span.ToArray().Should().Equal(0, 0);
        layer.RunningVariance!.Span.ToArray().Should().Equal(1, 1);
        layer.BatchesTracked.Should().Be(1);
        double[] mean = [3], variance = [4];
        double[] x = [double.NaN, 1], y = new double[2];
        NormalizationPrimitives.BatchNormForward<double>(x, 2, 1, 1, [], [], 1e-5, y, [], [], mean, variance, momentum: 0);
        (mean[0], variance[0]).Should().Be((3, 4));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.5)]
    public void A_count_of_batches_at_its_limit_stays_there(double? momentum)
    {
        var layer = new BatchNorm1d<double>(1, momentum: momentum) { BatchesTracked = long.MaxValue };
        layer.Forward(new Tensor<double>([3, 5], 2, 1));
        layer.BatchesTracked.Should().Be(long.MaxValue);
        layer.RunningMean!.Span[0].Should().BeApproximately(momentum is null ? 0 : 2, 1e-15);
        layer.LoadState(layer.GetState());
        layer.BatchesTracked.Should().Be(long.MaxValue);
    }

    private static void Train<T>(BatchNorm1d<T> layer, int batches, T[] batch) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> input = new(batch, batch.Length / layer.NumFeatures, layer.NumFeatures), output = new(input.Shape);
        for (int i = 0; i < batches; i++)
            layer.Forward(input, output);
    }

    /// <summary>In units in the last place of the expected value or of σ, whichever is larger.</summary>
    private static double Distance(Tensor<float>? actual, double[] expected, Func<int, double> deviation) =>
        Values.Distance(Values.Doubles(actual), expected, i => Values.FloatUlp(Math.Max(Math.Abs(expected[i]), deviation(i))));
}
