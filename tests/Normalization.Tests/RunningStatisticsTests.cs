using System.Numerics;

namespace Normalization.Tests;

public sealed class RunningStatisticsTests
{
    private const int Steps = 4;

    public static TheoryData<string> Tracking => Cases.Tracking();

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Doubles_follow_the_batches_by_the_momentum(string name) => Follow<double>(name, 1e-14);

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Floats_follow_the_batches_by_the_momentum(string name) => Follow<float>(name, 4e-7);

    [Theory]
    [InlineData("Batch [4096, 37] tracking")]
    [InlineData("Batch [2, 3, 9001] tracking")]
    [InlineData("Batch [8, 33, 7, 7] tracking")]
    [InlineData("Instance [2, 2, 20011] tracking")]
    public void Large_batches_are_followed_too(string name)
    {
        Follow<double>(name, 1e-13);
        Follow<float>(name, 4e-7);
    }

    [Fact]
    public void The_running_variance_is_the_unbiased_one()
    {
        var layer = new BatchNorm1d<double>(1, momentum: 1);
        layer.Forward(new Tensor<double>([1, 2, 3, 6], 4, 1));
        layer.RunningMean!.Span[0].Should().Be(3);
        layer.RunningVariance!.Span[0].Should().BeApproximately(14.0 / 3, 1e-15);
    }

    [Fact]
    public void Momentum_is_the_share_of_the_new_batch()
    {
        var layer = new BatchNorm1d<double>(1, momentum: 0.25);
        layer.Forward(new Tensor<double>([2, 6], 2, 1));
        layer.RunningMean!.Span[0].Should().Be(1);
        layer.RunningVariance!.Span[0].Should().Be((0.75 * 1) + (0.25 * 8));
    }

    [Fact]
    public void Without_momentum_every_batch_counts_the_same()
    {
        var layer = new BatchNorm1d<double>(1, momentum: null);
        double[][] batches = [[1, 3], [5, 9], [-4, 0]];
        foreach (double[] batch in batches)
            layer.Forward(new Tensor<double>(batch, 2, 1));
        layer.RunningMean!.Span[0].Should().BeApproximately((2 + 7 - 2) / 3.0, 1e-15);
        layer.RunningVariance!.Span[0].Should().BeApproximately((2 + 8 + 8) / 3.0, 1e-15);
    }

    [Fact]
    public void InstanceNorm_averages_the_unbiased_variances_over_the_samples()
    {
        var layer = new InstanceNorm1d<double>(1, momentum: 1, trackRunningStatistics: true);
        layer.Forward(new Tensor<double>([0, 2, 10, 14], 2, 1, 2));
        layer.RunningMean!.Span[0].Should().Be((1 + 12) / 2.0);
        layer.RunningVariance!.Span[0].Should().Be((2 + 8) / 2.0);
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Evaluation_reads_the_running_statistics_and_leaves_them(string name)
    {
        var sample = new Sample<double>(Cases.Named(name));
        sample.Layer.Forward(sample.Input, sample.Output);
        (double[] mean, double[] variance) = State(sample);
        long batches = sample.Running!.BatchesTracked;
        sample.Layer.Eval();
        sample.Layer.Forward(sample.Input, sample.Output);
        Values.Distance(sample.Output.Span, Reference.Of(sample).Output).Should().BeLessThan(1e-13);
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        sample.Running.RunningMean!.Span.ToArray().Should().Equal(mean);
        sample.Running.RunningVariance!.Span.ToArray().Should().Equal(variance);
        sample.Running.BatchesTracked.Should().Be(batches);
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Training_goes_on_after_evaluation_where_it_stopped(string name)
    {
        var straight = new Sample<double>(Cases.Named(name));
        var interrupted = new Sample<double>(Cases.Named(name));
        for (int step = 0; step < 2; step++)
        {
            straight.Layer.Forward(straight.Input, straight.Output);
            interrupted.Run(isTraining: true);
            interrupted.Run(isTraining: false);
        }
        State(interrupted).Mean.Should().Equal(State(straight).Mean);
        State(interrupted).Variance.Should().Equal(State(straight).Variance);
        interrupted.Running!.BatchesTracked.Should().Be(2);
    }

    [Fact]
    public void Reset_starts_again_and_leaves_the_parameters()
    {
        Sample<double> sample = new Sample<double>(Cases.Named("Batch [4, 10] tracking momentum null")).Run();
        double[] weight = sample.Layer.Weight!.Value.Span.ToArray();
        sample.Running!.ResetRunningStatistics();
        sample.Running.BatchesTracked.Should().Be(0);
        sample.Running.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value == 0);
        sample.Running.RunningVariance!.Span.ToArray().Should().OnlyContain(static value => value == 1);
        sample.Layer.Weight.Value.Span.ToArray().Should().Equal(weight);
        (double[] mean, double[] variance) = Reference.Of(sample).Batch();
        sample.Run();
        Values.Distance(sample.Running.RunningMean.Span, mean).Should().BeLessThan(1e-14, "the first batch after a reset counts whole");
        Values.Distance(sample.Running.RunningVariance.Span, variance).Should().BeLessThan(1e-14);
    }

    [Fact]
    public void Reset_of_the_parameters_leaves_the_running_statistics()
    {
        Sample<double> sample = new Sample<double>(Cases.Named("Batch [4, 10] tracking")).Run();
        double[] mean = State(sample).Mean;
        sample.Layer.ResetParameters();
        sample.Layer.Weight!.Value.Span.ToArray().Should().OnlyContain(static value => value == 1);
        sample.Layer.Bias!.Value.Span.ToArray().Should().OnlyContain(static value => value == 0);
        State(sample).Mean.Should().Equal(mean);
    }

    [Theory]
    [InlineData("Batch [0, 5, 9] tracking")]
    [InlineData("Batch [0, 5, 2, 2] tracking momentum null")]
    [InlineData("Batch [0, 5, 2, 2, 2] tracking")]
    [InlineData("Instance [0, 3, 4] tracking")]
    public void An_empty_batch_counts_and_changes_nothing_else(string name)
    {
        var sample = new Sample<double>(Cases.Named(name));
        (double[] mean, double[] variance) = State(sample);
        sample.Run();
        sample.Output.Shape.SequenceEqual(sample.Input.Shape).Should().BeTrue();
        State(sample).Mean.Should().Equal(mean);
        State(sample).Variance.Should().Equal(variance);
        sample.Running!.BatchesTracked.Should().Be(1);
        sample.Layer.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray()).Should()
            .OnlyContain(static value => value == 0);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
    }

    [Theory]
    [InlineData("Batch [4, 5, 3]")]
    [InlineData("Batch [2, 3, 6, 6]")]
    [InlineData("Instance [4, 3, 15]")]
    public void Without_tracking_evaluation_uses_the_batch(string name)
    {
        Sample<double> training = new Sample<double>(Cases.Named(name)).Run(isTraining: true);
        Sample<double> evaluation = new Sample<double>(Cases.Named(name)).Run(isTraining: false);
        evaluation.Bits().Should().Equal(training.Bits());
        training.Running!.BatchesTracked.Should().Be(0);
        training.Running.ResetRunningStatistics();
        FluentActions.Invoking(() => training.Running.BatchesTracked = 1).Should().Throw<InvalidOperationException>()
            .WithMessage("*does not track running statistics*trackRunningStatistics: true*");
    }

    [Fact]
    public void The_momentum_and_the_count_can_be_restored()
    {
        var layer = new BatchNorm1d<double>(1, momentum: null) { BatchesTracked = 3 };
        layer.Forward(new Tensor<double>([3, 5], 2, 1));
        (layer.BatchesTracked, layer.RunningMean!.Span[0]).Should().Be((4L, 1.0));
        layer.Momentum = 0.5;
        layer.Forward(new Tensor<double>([3, 5], 2, 1));
        (layer.BatchesTracked, layer.RunningMean.Span[0]).Should().Be((5L, 2.5));
        FluentActions.Invoking(() => layer.BatchesTracked = -1).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => layer.Momentum = 1.5).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*[0, 1]*1.5*");
        (layer.BatchesTracked, layer.Momentum).Should().Be((5L, 0.5));
    }

    [Fact]
    public void A_momentum_of_one_forgets_a_running_value_that_is_not_finite()
    {
        var layer = new BatchNorm1d<float>(1, momentum: 1);
        layer.RunningMean!.Fill(float.NaN);
        layer.RunningVariance!.Fill(float.PositiveInfinity);
        layer.Forward(new Tensor<float>([3, 5], 2, 1));
        (layer.RunningMean.Span[0], layer.RunningVariance.Span[0]).Should().Be((4f, 2f));
    }

    private static void Follow<T>(string name, double tolerance) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Case item = Cases.Named(name);
        var sample = new Sample<T>(item);
        (double[] mean, double[] variance) = State(sample);
        for (int step = 1; step <= Steps; step++)
        {
            Sample<T>.Normal(item.Shape, 100 + step, step, step).CopyTo(sample.Input);
            (double[] batchMean, double[] batchVariance) = Reference.Of(sample).Batch();
            double momentum = item.Momentum ?? 1.0 / step;
            mean = Blended(mean, batchMean, momentum);
            variance = Blended(variance, batchVariance, momentum);
            sample.Layer.Forward(sample.Input, sample.Output);
            Values.Distance(State(sample).Mean, mean).Should().BeLessThan(tolerance, "of the mean in step {0}", step);
            Values.Distance(State(sample).Variance, variance).Should().BeLessThan(tolerance, "of the variance in step {0}", step);
            sample.Running!.BatchesTracked.Should().Be(step);
        }
    }

    private static double[] Blended(double[] running, double[] batch, double momentum) =>
        [.. running.Zip(batch, (old, value) => ((1 - momentum) * old) + (momentum * value))];

    private static (double[] Mean, double[] Variance) State<T>(Sample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        (Values.Doubles(sample.Running?.RunningMean), Values.Doubles(sample.Running?.RunningVariance));

    /// <summary>Tiles of evaluation are wider than those of training, and four rows are written at a time.</summary>
    [Theory]
    [InlineData(7, 2500, 7)]
    [InlineData(6, 9000, 1)]
    public void A_channel_among_thousands_evaluates_to_the_bits_that_it_has_among_few(int n, int c, int s)
    {
        const int Few = 50;
        var layer = new BatchNorm1d<float>(c);
        var x = Tensor<float>.RandomNormal([n, c, s], 1);
        layer.Forward(x);
        layer.Eval();
        // A scale that floats cannot multiply by: the channel is computed in double, and cuts its tile into parts.
        layer.RunningVariance!.Span[c / 3] = 1e-36f;
        layer.Weight!.Value.Span[c / 3] = 1e-20f;
        Tensor<float> y = layer.Forward(x);
        for (int first = 0; first < c; first += c / 5)
        {
            BatchNorm1d<float> few = new(Few);
            few.Eval();
            layer.RunningMean!.Span.Slice(first, Few).CopyTo(few.RunningMean!.Span);
            layer.RunningVariance.Span.Slice(first, Few).CopyTo(few.RunningVariance!.Span);
            layer.Weight.Value.Span.Slice(first, Few).CopyTo(few.Weight!.Value.Span);
            Tensor<float> part = new(n, Few, s);
            for (int sample = 0; sample < n; sample++)
                x.Span.Slice(((sample * c) + first) * s, Few * s).CopyTo(part.Span[(sample * Few * s)..]);
            Tensor<float> expected = few.Forward(part);
            for (int sample = 0; sample < n; sample++)
            {
                y.Span.Slice(((sample * c) + first) * s, Few * s).ToArray().Should()
                    .Equal(expected.Span.Slice(sample * Few * s, Few * s).ToArray());
            }
        }
    }
}
