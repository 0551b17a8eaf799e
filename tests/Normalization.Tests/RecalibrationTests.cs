using System.Numerics;

namespace Normalization.Tests;

/// <summary>Running statistics that are taken anew from the samples of some forward passes.</summary>
public sealed partial class RecalibrationTests
{
    private const int Channels = 3;

    public static TheoryData<string> Ends => ["complete", "dispose"];

    [Fact]
    public void The_statistics_are_those_of_all_samples_at_once()
    {
        var layer = new BatchNorm1d<double>(1);
        using (Recalibration<double> recalibration = layer.Recalibrate())
        {
            layer.Forward(new Tensor<double>([1, 2, 3], 3, 1));
            layer.Forward(new Tensor<double>([6, 10], 2, 1));
            recalibration.Complete();
        }
        layer.RunningMean!.Span[0].Should().BeApproximately(22.0 / 5, 1e-15);
        layer.RunningVariance!.Span[0].Should().BeApproximately((150 - (22.0 * 22 / 5)) / 4, 1e-14);
    }

    /// <summary>Algorithm 2 of the paper: E[x] = E[μ], Var[x] = m / (m - 1) · E[σ²].</summary>
    [Fact]
    public void The_average_of_the_batches_is_that_of_the_paper()
    {
        var layer = new BatchNorm1d<double>(1);
        using Recalibration<double> recalibration = layer.Recalibrate(RecalibrationMethod.BatchAverage);
        layer.Forward(new Tensor<double>([1, 3, 5], 3, 1));
        layer.Forward(new Tensor<double>([10, 10, 13], 3, 1));
        recalibration.Complete();
        layer.RunningMean!.Span[0].Should().BeApproximately((3 + 11) / 2.0, 1e-15);
        layer.RunningVariance!.Span[0].Should().BeApproximately(3 / 2.0 * ((8 / 3.0) + 2) / 2, 1e-14);
        recalibration.Method.Should().Be(RecalibrationMethod.BatchAverage);
    }

    [Fact]
    public void InstanceNorm_averages_the_samples_whatever_the_batches()
    {
        var layer = new InstanceNorm1d<double>(1, trackRunningStatistics: true);
        using Recalibration<double> recalibration = layer.Recalibrate();
        layer.Forward(new Tensor<double>([0, 2, 10, 14], 2, 1, 2));
        layer.Forward(new Tensor<double>([-3, 3], 1, 1, 2));
        recalibration.Complete();
        layer.RunningMean!.Span[0].Should().BeApproximately((1 + 12 + 0) / 3.0, 1e-15);
        layer.RunningVariance!.Span[0].Should().BeApproximately((2 + 8 + 18) / 3.0, 1e-14);
    }

    [Theory]
    [InlineData(RecalibrationMethod.Pooled, 50.0 / 4)]
    [InlineData(RecalibrationMethod.BatchAverage, 25.0 / 4)]
    public void A_layer_with_the_biased_variance_gets_the_biased_one(RecalibrationMethod method, double expected)
    {
        var layer = new BatchNorm1d<double>(1) { HasBiasedRunningVariance = true };
        using Recalibration<double> recalibration = layer.Recalibrate(method);
        layer.Forward(new Tensor<double>([-2.5, 2.5], 2, 1));
        layer.Forward(new Tensor<double>([2.5, 7.5], 2, 1));
        recalibration.Complete();
        layer.RunningVariance!.Span[0].Should().BeApproximately(expected, 1e-14);
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public void Mode_momentum_and_counts_are_as_before(string end)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            var layer = new BatchNorm1d<float>(Channels, momentum: 0.3);
            layer.Forward(Input(1));
            layer.Train(isTraining);
            (Tensor<float> mean, Tensor<float> variance) = (layer.RunningMean!.Clone(), layer.RunningVariance!.Clone());
            using (Recalibration<float> recalibration = layer.Recalibrate())
            {
                layer.Forward(Input(2));
                layer.Forward(Input(3));
                Values.Bits(layer.RunningMean).Should().Equal(Values.Bits(mean), "nothing is written before the end");
                if (end == "complete")
                    recalibration.Complete();
            }
            (layer.IsTraining, layer.Momentum, layer.BatchesTracked).Should().Be((isTraining, 0.3, 1));
            bool isSame = Values.Bits(layer.RunningMean).SequenceEqual(Values.Bits(mean))
                && Values.Bits(layer.RunningVariance).SequenceEqual(Values.Bits(variance));
            isSame.Should().Be(end == "dispose");

            // The layer goes on as any other.
            layer.Train();
            layer.Forward(Input(4));
            layer.BatchesTracked.Should().Be(2);
        }
    }

    [Fact]
    public void Training_after_it_starts_from_what_was_not_rounded()
    {
        var layer = new BatchNorm1d<float>(1, momentum: 0.5);
        using (Recalibration<float> recalibration = layer.Recalibrate())
        {
            layer.Forward(new Tensor<float>([0, 0, 1], 3, 1));
            recalibration.Complete();
        }
        layer.Forward(new Tensor<float>([-1, 1], 2, 1));
        layer.RunningMean!.Span[0].Should().Be((float)(1.0 / 3 / 2));
    }

    [Fact]
    public void Evaluation_normalizes_by_the_batch_meanwhile_and_by_the_new_statistics_after_it()
    {
        BatchNorm1d<float> layer = new(Channels), training = new(Channels);
        layer.Eval();
        Tensor<float> input = Input(1), output = new(input.Shape);
        using (Recalibration<float> recalibration = layer.Recalibrate())
        {
            layer.Forward(input, output);
            Values.Bits(output).Should().Equal(Values.Bits(training.Forward(input)));
            layer.Invoking(item => item.Backward(output)).Should().Throw<InvalidOperationException>("evaluation remembers nothing");
            recalibration.Complete();
        }
        layer.Forward(input, output);
        output.Span.ToArray().Select(static value => (double)value).Average().Should().BeApproximately(0, 1e-6);
    }

    [Fact]
    public void A_frozen_layer_is_recalibrated_too_and_stays_frozen()
    {
        var layer = new BatchNorm1d<float>(Channels) { UseRunningStatistics = true };
        using Recalibration<float> recalibration = layer.Recalibrate();
        layer.Forward(Input(5));
        recalibration.Complete();
        layer.RunningMean!.Span[0].Should().BeInRange(3, 7);
        layer.UseRunningStatistics.Should().BeTrue();
    }

    [Fact]
    public void A_model_recalibrates_each_layer_that_tracks_once()
    {
        BatchNorm1d<float> shared = new(Channels), plain = new(Channels, trackRunningStatistics: false);
        var model = new LayerDictionary<float>
        {
            { "first", shared }, { "again", shared }, { "plain", plain }, { "rows", new LayerNorm<float>(Channels) },
        };
        using Recalibration<float> recalibration = model.Recalibrate();
        shared.Forward(Input(1));
        recalibration.GetState().Keys.Should().Equal(
            "first.element_count", "first.mean", "first.mean_low", "first.variance", "first.variance_low");
        recalibration.GetState()["first.element_count"].ToInt64().Should().Be(4);
        recalibration.Complete();
        shared.RunningMean!.Span[0].Should().NotBe(0);
    }

    [Fact]
    public void What_cannot_be_recalibrated_is_refused_and_nothing_changes()
    {
        BatchNorm1d<float> layer = new(Channels), plain = new(Channels, trackRunningStatistics: false), busy = new(Channels);
        plain.Invoking(static item => item.Recalibrate()).Should().Throw<InvalidOperationException>().WithMessage("*does not track*");
        layer.Invoking(static item => item.Recalibrate((RecalibrationMethod)2)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*got 2*");
        using Recalibration<float> recalibration = busy.Recalibrate();
        busy.Invoking(static item => item.Recalibrate()).Should().Throw<InvalidOperationException>().WithMessage("A recalibration of BatchNorm1d(3,*");
        var model = new LayerDictionary<float> { { "free", layer }, { "busy", busy } };
        model.Invoking(static item => item.Recalibrate()).Should().Throw<InvalidOperationException>().WithMessage("A recalibration of busy *");
        layer.Forward(Input(1));
        layer.BatchesTracked.Should().Be(1, "a model that was refused has begun nothing");
        recalibration.Invoking(static item => item.Complete()).Should().Throw<InvalidOperationException>().WithMessage("No sample went through *");
        busy.Invoking(static item => item.Forward(new Tensor<float>(1, Channels))).Should().Throw<ArgumentException>("one value has no variance");
        busy.Forward(Input(1));
        recalibration.Complete();
        recalibration.Invoking(static item => item.Complete()).Should().Throw<InvalidOperationException>().WithMessage("*has ended*");
        recalibration.Invoking(static item => item.AddState([])).Should().Throw<InvalidOperationException>().WithMessage("*has ended*");
    }

    [Fact]
    public void A_pass_that_is_not_to_count_and_an_empty_batch_are_not_gathered_and_a_NaN_stays_in_its_channel()
    {
        var layer = new BatchNorm1d<float>(Channels);
        using Recalibration<float> recalibration = layer.Recalibrate();
        Tensor<float> input = Input(1), output = new(input.Shape);
        layer.Forward(input, output, new() { UpdateRunningStatistics = false });
        layer.Forward(new Tensor<float>(0, Channels));
        recalibration.GetState()["element_count"].ToInt64().Should().Be(0);
        input[2, 1] = float.NaN;
        layer.Forward(input);
        layer.Forward(Input(2));
        recalibration.Complete();
        layer.RunningMean!.Span.ToArray().Select(float.IsNaN).Should().Equal(false, true, false);
        layer.RunningVariance!.Span.ToArray().Select(float.IsNaN).Should().Equal(false, true, false);
    }

    [Fact]
    public void Many_batches_lose_no_digits()
    {
        // Errors of one unit in each of so many additions would show in the tenth digit.
        const int Batches = 200_000;
        var layer = new BatchNorm1d<double>(1);
        using Recalibration<double> recalibration = layer.Recalibrate();
        Tensor<double> input = new(2, 1), output = new(2, 1);
        BigInteger sum = 0, squares = 0;
        for (int i = 0; i < Batches; i++)
        {
            long first = (1L << 30) + ((i * 7919L) % 1009), second = (1L << 30) + ((i * 104_729L) % 2003);
            (input.Span[0], input.Span[1]) = (first, second);
            layer.Forward(input, output);
            sum += first + second;
            squares += ((BigInteger)first * first) + ((BigInteger)second * second);
        }
        recalibration.Complete();
        const int Count = 2 * Batches;
        double mean = (double)(sum - ((BigInteger)Count << 30)) / Count, variance = (double)((squares * Count) - (sum * sum)) / Count / (Count - 1);
        (layer.RunningMean!.Span[0] - (1L << 30)).Should().BeApproximately(mean, 2e-7, "that is a unit in the last place of the whole mean");
        (layer.RunningVariance!.Span[0] / variance).Should().BeApproximately(1, 1e-15);
    }

    private static Tensor<float> Input(int seed) => Tensor<float>.RandomNormal([4, Channels], seed, mean: seed);

    private static Tensor<double> Wide(int seed) => Tensor<double>.RandomNormal([1 + seed, Channels], seed, mean: 100 * seed, standardDeviation: seed);
}
