using System.Numerics;

namespace Normalization.Tests;

/// <summary>Batch renormalization: its formula, its gradient with r and d as constants, its warm-up, and its state.</summary>
public sealed class BatchRenormTests
{
    /// <summary>n, c, s, and whether the batch lies so far from the running statistics that the limits are reached.</summary>
    public static TheoryData<int, int, int, bool> Shapes => new()
    {
        { 16, 5, 1, false }, { 4, 3, 30, false }, { 4, 3, 30, true }, { 2, 7, 400, false }, { 3, 2, 9001, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Training_computes_the_formula(int n, int c, int s, bool isFar)
    {
        BatchRenorm<double> layer = Layer<double>(c);
        var x = Tensor<double>.RandomNormal([n, c, s], seed: 1, mean: isFar ? 40 : 1.3, standardDeviation: isFar ? 9 : 1.5);
        (double[] scale, double[] shift, double[] mean, double[] inverse) = Corrections(layer, x);
        double[] output = Values.Doubles(layer.Forward(x)), expected = new double[x.Length];
        for (int i = 0; i < expected.Length; i++)
        {
            int channel = i / s % c;
            double corrected = ((x.Span[i] - mean[channel]) * inverse[channel] * scale[channel]) + shift[channel];
            expected[i] = (corrected * layer.Weight!.Value.Span[channel]) + layer.Bias!.Value.Span[channel];
        }
        Values.Distance(output, expected).Should().BeLessThan(1e-13);
        Enumerable.Any(scale, static value => value == 3).Should().Be(isFar);
        Enumerable.Any(shift, static value => value == 5).Should().Be(isFar);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_gradients_are_those_of_differences_with_r_and_d_as_constants(int n, int c, int s, bool isFar)
    {
        const double Step = 1e-5;
        BatchRenorm<double> layer = Layer<double>(c);
        layer.Momentum = 0;
        var x = Tensor<double>.RandomNormal([n, c, s], seed: 1, mean: isFar ? 40 : 1.3, standardDeviation: isFar ? 9 : 1.5);
        var dy = Tensor<double>.RandomNormal([n, c, s], seed: 2);
        (double[] scale, double[] shift, _, _) = Corrections(layer, x);
        layer.Forward(x);
        layer.Weight!.Gradient.Fill(1);
        Tensor<double> dx = layer.Backward(dy);
        Check(x, dx, 0);
        Check(layer.Weight.Value, layer.Weight.Gradient, 1);
        Check(layer.Bias!.Value, layer.Bias.Gradient, 0);

        void Check(Tensor<double> value, Tensor<double> actual, double before)
        {
            for (int i = 0; i < value.Length; i += 1 + (value.Length / 9))
            {
                double kept = value.Span[i];
                value.Span[i] = kept + Step;
                double above = Loss();
                value.Span[i] = kept - Step;
                double difference = (above - Loss()) / (2 * Step);
                value.Span[i] = kept;
                (actual.Span[i] - before).Should().BeApproximately(difference, 1e-6 * (1 + Math.Abs(difference)));
            }
        }

        // BatchNorm with r and d as they were.
        double Loss()
        {
            var plain = new BatchNorm1d<double>(c);
            for (int channel = 0; channel < c; channel++)
            {
                double gamma = layer.Weight!.Value.Span[channel];
                plain.Weight!.Value.Span[channel] = gamma * scale[channel];
                plain.Bias!.Value.Span[channel] = (gamma * shift[channel]) + layer.Bias!.Value.Span[channel];
            }
            ReadOnlySpan<double> y = plain.Forward(x).Span;
            double loss = 0;
            for (int i = 0; i < y.Length; i++)
                loss += y[i] * dy.Span[i];
            return loss;
        }
    }

    [Fact]
    public void Within_the_limits_training_computes_what_evaluation_computes()
    {
        BatchRenorm<float> layer = Layer<float>(6);
        layer.Momentum = 0;
        var x = Tensor<float>.RandomNormal([2, 6, 10], seed: 5, mean: 1, standardDeviation: 1.5f);
        double[] training = Values.Doubles(layer.Forward(x));
        layer.Eval();
        Values.Distance(training, Values.Doubles(layer.Forward(x))).Should().BeLessThan(1e-6);
    }

    [Fact]
    public void Before_its_warm_up_it_has_the_bits_of_BatchNorm()
    {
        var renorm = new BatchRenorm<float>(5, momentum: 0.1);
        var plain = new BatchNorm1d<float>(5);
        Randomize(renorm);
        renorm.Weight!.Value.CopyTo(plain.Weight!.Value);
        renorm.Bias!.Value.CopyTo(plain.Bias!.Value);
        for (int step = 0; step < 3; step++)
        {
            Tensor<float> x = Tensor<float>.RandomNormal([7, 5, 33], step, mean: 3), dy = Tensor<float>.RandomNormal([7, 5, 33], step + 9);
            Values.Bits(renorm.Forward(x)).Should().Equal(Values.Bits(plain.Forward(x)));
            Values.Bits(renorm.Backward(dy)).Should().Equal(Values.Bits(plain.Backward(dy)));
            Values.Bits(renorm.RunningMean).Should().Equal(Values.Bits(plain.RunningMean));
            Values.Bits(renorm.RunningVariance).Should().Equal(Values.Bits(plain.RunningVariance));
            Values.Distance(Values.Doubles(renorm.Weight.Gradient), Values.Doubles(plain.Weight.Gradient)).Should().BeLessThan(1e-6);
            Values.Bits(renorm.Bias.Gradient).Should().Equal(Values.Bits(plain.Bias.Gradient));
            renorm.ZeroGradients();
            plain.ZeroGradients();
        }
    }

    [Fact]
    public void The_limits_open_evenly_by_the_batches_in_the_state()
    {
        var layer = new BatchRenorm<float>(3) { WarmUpStart = 100, MaxScaleBatches = 300, MaxShiftBatches = 200, MaxScale = 5, MaxShift = 2 };
        foreach ((long batches, double scale, double shift) in ((long, double, double)[])
            [(0, 1, 0), (100, 1, 0), (150, 2, 1), (200, 3, 2), (300, 5, 2), (long.MaxValue, 5, 2)])
        {
            layer.BatchesTracked = batches;
            (layer.CurrentMaxScale, layer.CurrentMaxShift).Should().Be((scale, shift));
        }
        var other = new BatchRenorm<float>(3) { WarmUpStart = 0, MaxScaleBatches = 0, MaxShiftBatches = 0 };
        (other.CurrentMaxScale, other.CurrentMaxShift).Should().Be((3, 5));
        layer.BatchesTracked = 7;
        other.LoadState(layer.GetState());
        other.BatchesTracked.Should().Be(7);
        layer.GetState().Keys.Should().Equal(new BatchNorm1d<float>(3).GetState().Keys);
        layer.ToString().Should().Be("BatchRenorm(3, epsilon: 1E-05, momentum: 0.01, affine: True, maxScale: 5, maxShift: 2)");
    }

    [Fact]
    public void Ranks_compute_what_one_rank_computes_with_the_whole_batch()
    {
        const int Ranks = 3, Channels = 4;
        Tensor<double> x = Tensor<double>.RandomNormal([6, Channels, 5], seed: 1, mean: 3), dy = Tensor<double>.RandomNormal([6, Channels, 5], seed: 2);
        BatchRenorm<double> whole = Layer<double>(Channels);
        double[] expected = Values.Doubles(whole.Forward(x)), gradient = Values.Doubles(whole.Backward(dy));
        int part = x.Length / Ranks;
        BatchRenorm<double>[] layers = [.. Enumerable.Range(0, Ranks).Select(_ => Layer<double>(Channels))];
        InMemoryCollective.Run(Ranks, collective =>
        {
            BatchRenorm<double> layer = layers[collective.Rank];
            layer.Synchronize(collective);
            var own = new Tensor<double>(x.Memory.Slice(collective.Rank * part, part), 2, Channels, 5);
            var ownGradient = new Tensor<double>(dy.Memory.Slice(collective.Rank * part, part), 2, Channels, 5);
            Values.Distance(layer.Forward(own).Span, expected.AsSpan(collective.Rank * part, part)).Should().BeLessThan(1e-13);
            Values.Distance(layer.Backward(ownGradient).Span, gradient.AsSpan(collective.Rank * part, part)).Should().BeLessThan(1e-12);
        });
        double[] sum = [.. Enumerable.Range(0, Channels).Select(i => layers.Sum(layer => layer.Weight!.Gradient.Span[i]))];
        Values.Distance(sum, Values.Doubles(whole.Weight!.Gradient)).Should().BeLessThan(1e-12);
    }

    [Fact]
    public void Virtual_batches_and_parts_of_a_batch_are_refused_and_change_nothing()
    {
        var x = Tensor<float>.RandomNormal([6, 4, 5], seed: 1);
        BatchRenorm<float> layer = Layer<float>(4);
        var context = new ForwardContext<float> { MicroBatches = new(layer) };
        long[] running = Values.Bits(layer.RunningMean);
        context.MicroBatches.Observe(x);
        layer.Invoking(layer => layer.Forward(x, new(x.Shape), context)).Should().Throw<NotSupportedException>().WithMessage("*MicroBatches*");
        var pieces = new BatchRenorm<float>(4) { VirtualBatchSize = 2 };
        pieces.Invoking(pieces => pieces.Forward(x)).Should().Throw<NotSupportedException>().WithMessage("*virtual*");
        Values.Bits(layer.RunningMean).Should().Equal(running);
        layer.BatchesTracked.Should().Be(0);
    }

    [Fact]
    public void A_channel_without_deviation_and_an_empty_batch_stay_finite()
    {
        var layer = new BatchRenorm<float>(2, epsilon: 0) { WarmUpStart = 0, MaxScaleBatches = 0, MaxShiftBatches = 0 };
        var x = Tensor<float>.Full([4, 2], 3);
        layer.Forward(x).Span.ToArray().Should().AllSatisfy(static value => float.IsFinite(value).Should().BeTrue());
        layer.RunningVariance!.Fill(0);
        layer.RunningMean!.Fill(3);
        layer.Forward(x).Span.ToArray().Should().AllBeEquivalentTo(0f);
        layer.Forward(new Tensor<float>(0, 2)).Length.Should().Be(0);
        layer.Backward(new Tensor<float>(0, 2)).Length.Should().Be(0);
        layer.BatchesTracked.Should().Be(3);
    }

    [Fact]
    public void A_refused_pass_keeps_the_correction_of_the_pass_before()
    {
        BatchRenorm<float> layer = Layer<float>(3);
        Tensor<float> x = Tensor<float>.RandomNormal([4, 3, 8], seed: 1, mean: 2), dy = Tensor<float>.RandomNormal([4, 3, 8], seed: 2);
        var context = new ForwardContext<float>();
        Tensor<float> y = new(x.Shape), expected = new(x.Shape), actual = new(x.Shape);
        layer.Forward(x, y, context);
        layer.Backward(dy, expected, context);
        layer.Invoking(l => l.Forward(x, new(4, 3, 9), context)).Should().Throw<ArgumentException>();
        layer.Invoking(l => l.Forward(new(1, 3), new Tensor<float>(1, 3), context)).Should().Throw<ArgumentException>();
        layer.Backward(dy, actual, context);
        Values.Bits(actual).Should().Equal(Values.Bits(expected));
        layer.Eval();
        layer.Forward(x, y, context);
        layer.Backward(dy, actual, context);
        Values.Bits(actual).Should().NotEqual(Values.Bits(expected));
    }

    [Fact]
    public void A_pass_that_is_done_again_has_the_correction_that_it_had()
    {
        BatchRenorm<float> layer = Layer<float>(3);
        Tensor<float> x = Tensor<float>.RandomNormal([4, 3, 8], seed: 1, mean: 2), first = new(x.Shape), again = new(x.Shape);
        var context = new ForwardContext<float>();
        layer.Forward(x, first, context);
        long[] running = Values.Bits(layer.RunningMean);
        context.IsRecomputation = true;
        layer.Forward(x, again, context);
        Values.Bits(again).Should().Equal(Values.Bits(first));
        Values.Bits(layer.RunningMean).Should().Equal(running);
    }

    [Fact]
    public void Values_outside_their_ranges_are_refused()
    {
        var layer = new BatchRenorm<float>(2);
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxScale = 0.9 });
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxScale = double.PositiveInfinity });
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxShift = -1 });
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxShift = double.NaN });
        Refuse(() => _ = new BatchRenorm<float>(2) { WarmUpStart = -1 });
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxScaleBatches = -1 });
        Refuse(() => _ = new BatchRenorm<float>(2) { MaxShiftBatches = -1 });
        (layer.MaxScale, layer.MaxShift, layer.WarmUpStart, layer.MaxScaleBatches, layer.MaxShiftBatches).Should().Be((3, 5, 5000, 40_000, 25_000));

        static void Refuse(Action call) => call.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void A_pass_that_is_not_to_count_corrects_and_moves_nothing()
    {
        BatchRenorm<float> counting = Layer<float>(3), still = Layer<float>(3);
        var x = Tensor<float>.RandomNormal([4, 3, 7], seed: 1, mean: 2);
        float[] mean = still.RunningMean!.Span.ToArray(), variance = still.RunningVariance!.Span.ToArray();
        long batches = still.BatchesTracked;
        Tensor<float> expected = counting.Forward(x), y = new(x.Shape);
        still.Forward(x, y, new ForwardContext<float> { UpdateRunningStatistics = false });
        y.Span.SequenceEqual(expected.Span).Should().BeTrue();
        still.BatchesTracked.Should().Be(batches);
        still.RunningMean.Span.SequenceEqual(mean).Should().BeTrue();
        still.RunningVariance.Span.SequenceEqual(variance).Should().BeTrue();
    }

    private static BatchRenorm<T> Layer<T>(int channels) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var layer = new BatchRenorm<T>(channels) { WarmUpStart = 0, MaxScaleBatches = 0, MaxShiftBatches = 0 };
        Randomize(layer);
        for (int i = 0; i < channels; i++)
        {
            layer.RunningMean!.Span[i] = T.CreateChecked(0.9 + (0.1 * i));
            layer.RunningVariance!.Span[i] = T.CreateChecked(2 + (0.2 * i));
        }
        return layer;
    }

    private static void Randomize<T>(BatchRenorm<T> layer) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T>.RandomNormal([layer.NumFeatures], 7, mean: 1).CopyTo(layer.Weight!.Value);
        Tensor<T>.RandomNormal([layer.NumFeatures], 8).CopyTo(layer.Bias!.Value);
    }

    /// <summary>r, d, the mean and 1 / √(σ² + ε) of the batch, for each channel.</summary>
    private static (double[] Scale, double[] Shift, double[] Mean, double[] Inverse) Corrections(BatchRenorm<double> layer, Tensor<double> x)
    {
        var context = new ForwardContext<double>();
        new BatchNorm1d<double>(layer.NumFeatures).Forward(x, new(x.Shape), context);
        double[] scale = new double[layer.NumFeatures], shift = new double[scale.Length], mean = new double[scale.Length], inverse = new double[scale.Length];
        for (int i = 0; i < scale.Length; i++)
        {
            (mean[i], inverse[i]) = (context.GetMean(i), context.GetInverseStandardDeviation(i));
            double running = Math.Sqrt(layer.RunningVariance!.Span[i] + layer.Epsilon);
            scale[i] = Math.Clamp(1 / inverse[i] / running, 1.0 / 3, 3);
            shift[i] = Math.Clamp((mean[i] - layer.RunningMean!.Span[i]) / running, -5, 5);
        }
        return (scale, shift, mean, inverse);
    }
}
