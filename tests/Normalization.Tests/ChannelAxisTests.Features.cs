using FsCheck.Fluent;

namespace Normalization.Tests;

/// <content>What else layers and plans can do, with the channels last.</content>
public sealed partial class ChannelAxisTests
{
    [Fact]
    public void Virtual_batches_micro_batches_and_frozen_layers_take_channels_last()
    {
        var item = new Case(Kind.Batch, 11, 5, 3, 4) { Track = true };
        Tensor<float> input = Sample<float>.Normal(item.Shape, 1, 1, 2), moved = AxisSample<float>.Transpose(input, 1, toLast: true);
        Tensor<float> gradient = Sample<float>.Normal(item.Shape, 2, 0.3, 1), movedGradient = AxisSample<float>.Transpose(gradient, 1, toLast: true);
        BatchNorm2d<float> first = new(5) { VirtualBatchSize = 4 }, last = new(5) { VirtualBatchSize = 4, ChannelAxis = ChannelAxis.Last };
        Near(last.Forward(moved), first.Forward(input));
        Near(last.Backward(movedGradient), first.Backward(gradient));
        last.BatchesTracked.Should().Be(2);
        Values.Distance(Values.Doubles(last.RunningVariance), Values.Doubles(first.RunningVariance)).Should().BeLessThan(1e-6);
        first.UseRunningStatistics = last.UseRunningStatistics = true;
        Near(last.Forward(moved), first.Forward(input));
        Near(last.Backward(movedGradient), first.Backward(gradient));
        Values.Distance(Values.Doubles(last.Weight!.Gradient), Values.Doubles(first.Weight!.Gradient)).Should().BeLessThan(1e-6);

        BatchNorm2d<float> whole = new(5) { ChannelAxis = ChannelAxis.Last }, parts = new(5) { ChannelAxis = ChannelAxis.Last };
        var batch = new MicroBatches<float>(parts);
        Tensor<float>[] inputs = [Rows(0, 7), Rows(7, 4)];
        foreach (Tensor<float> part in inputs)
            batch.Observe(part);
        float[] outputs = [.. inputs.SelectMany(part =>
        {
            Tensor<float> output = new(part.Shape);
            parts.Forward(part, output, new ForwardContext<float> { MicroBatches = batch });
            return output.Span.ToArray();
        })];
        Values.Distance(Array.ConvertAll(outputs, static value => (double)value), Values.Doubles(whole.Forward(moved))).Should().BeLessThan(1e-6);

        Tensor<float> Rows(int start, int count) => new(moved.Span.Slice(start * 60, count * 60).ToArray(), count, 3, 4, 5);

        static void Near(Tensor<float> output, Tensor<float> expected) =>
            Values.Distance(Values.Doubles(output), Values.Doubles(AxisSample<float>.Transpose(expected, 1, toLast: true))).Should().BeLessThan(2e-6);
    }

    [Fact]
    public void Recalibration_and_folding_take_channels_last()
    {
        var item = new Case(Kind.Batch, 6, 5, 3, 4) { Track = true };
        Tensor<float> input = Sample<float>.Normal(item.Shape, 1, 1, 2), moved = AxisSample<float>.Transpose(input, 1, toLast: true);
        BatchNorm2d<float> first = new(5), last = new(5) { ChannelAxis = ChannelAxis.Last };
        foreach ((BatchNorm2d<float> norm, Tensor<float> images) in ((BatchNorm2d<float>, Tensor<float>)[])[(first, input), (last, moved)])
        {
            norm.Eval();
            using Recalibration<float> recalibration = norm.Recalibrate();
            norm.Forward(images);
            recalibration.Complete();
        }
        Values.Distance(Values.Doubles(last.RunningMean), Values.Doubles(first.RunningMean)).Should().BeLessThan(1e-6);
        Values.Distance(Values.Doubles(last.Fold().Scale), Values.Doubles(first.Fold().Scale)).Should().BeLessThan(1e-6);
    }

    [Fact]
    public void A_corrected_batch_takes_channels_last()
    {
        Tensor<float> input = Sample<float>.Normal([6, 5, 12], 1, 1, 2);
        BatchRenorm<float> first = new(5) { WarmUpStart = 0 }, last = new(5) { WarmUpStart = 0, ChannelAxis = ChannelAxis.Last };
        Tensor<float> moved = AxisSample<float>.Transpose(input, 1, toLast: true);
        for (int i = 0; i < 3; i++)
        {
            Tensor<float> expected = AxisSample<float>.Transpose(first.Forward(input), 1, toLast: true);
            Values.Distance(Values.Doubles(last.Forward(moved)), Values.Doubles(expected)).Should().BeLessThan(1e-6);
        }
    }

    [Fact]
    public void Ranks_with_channels_last_compute_what_one_rank_computes_with_the_whole_batch()
    {
        Tensor<float> batch = Sample<float>.Normal([7, 3, 4, 5], 1, 1, 2);
        var alone = new BatchNorm2d<float>(5) { ChannelAxis = ChannelAxis.Last };
        Tensor<float> gradient = Sample<float>.Normal([7, 3, 4, 5], 2, 0.3, 1);
        float[] expected = alone.Forward(batch).Span.ToArray(), expectedGradient = alone.Backward(gradient).Span.ToArray();
        float[] outputs = new float[expected.Length], gradients = new float[expected.Length];
        IReadOnlyList<InMemoryCollective> ranks = InMemoryCollective.Create(2);
        Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2 }, rank =>
        {
            var norm = new BatchNorm2d<float>(5) { ChannelAxis = ChannelAxis.Last };
            norm.Synchronize(ranks[rank]);
            (int start, int count) = rank == 0 ? (0, 180) : (180, 240);
            norm.Forward(Part(batch)).Span.CopyTo(outputs.AsSpan(start));
            norm.Backward(Part(gradient)).Span.CopyTo(gradients.AsSpan(start));

            Tensor<float> Part(Tensor<float> all) => new(all.Span.Slice(start, count).ToArray(), count / 60, 3, 4, 5);
        });
        Distance(outputs, expected).Should().BeLessThan(1e-6);
        Distance(gradients, expectedGradient).Should().BeLessThan(1e-6);

        static double Distance(float[] actual, float[] expected) =>
            Values.Distance(Array.ConvertAll(actual, static value => (double)value), Array.ConvertAll(expected, static value => (double)value));
    }

    [Fact]
    public void A_forecast_goes_back_to_the_scale_of_channels_last()
    {
        Tensor<float> past = Sample<float>.Normal([3, 9, 4], 1, 5, 2), normalized = new(3, 9, 4), gradient = Sample<float>.Normal([3, 9, 4], 2, 0, 1);
        InstanceNorm1d<float> last = new(4, affine: true) { ChannelAxis = ChannelAxis.Last }, first = new(4, affine: true);
        var context = new ForwardContext<float>();
        last.Forward(past, normalized, context);
        Values.Distance(Values.Doubles(last.Invert(normalized, context)), Values.Doubles(past)).Should().BeLessThan(1e-6);
        Tensor<float> inputGradient = new(3, 9, 4);
        last.InvertBackward(normalized, gradient, inputGradient, context);

        var firstContext = new ForwardContext<float>();
        Tensor<float> moved = AxisSample<float>.Transpose(past, 1, toLast: false), firstNormalized = new(3, 4, 9), expected = new(3, 4, 9);
        first.Forward(moved, firstNormalized, firstContext);
        first.InvertBackward(firstNormalized, AxisSample<float>.Transpose(gradient, 1, toLast: false), expected, firstContext);
        Values.Distance(Values.Doubles(inputGradient), Values.Doubles(AxisSample<float>.Transpose(expected, 1, toLast: true))).Should().BeLessThan(1e-6);
        Values.Distance(Values.Doubles(last.Weight!.Gradient), Values.Doubles(first.Weight!.Gradient)).Should().BeLessThan(2e-6);
        Values.Distance(Values.Doubles(last.Bias!.Gradient), Values.Doubles(first.Bias!.Gradient)).Should().BeLessThan(2e-6);
    }

    [Fact]
    public void Evaluation_writes_over_its_input_and_a_state_fits_either_axis()
    {
        InstanceNorm2d<float> trained = new(3, affine: true, trackRunningStatistics: true);
        trained.Forward(Sample<float>.Normal([2, 3, 4, 5], 1, 1, 2));
        InstanceNorm2d<float> loaded = new(3, affine: true, trackRunningStatistics: true) { ChannelAxis = ChannelAxis.Last };
        loaded.LoadState(trained.GetState());
        foreach (NormalizationLayer<float> layer in (NormalizationLayer<float>[])[loaded, new GroupNorm<float>(3, 3) { ChannelAxis = ChannelAxis.Last }])
        {
            layer.Eval();
            Tensor<float> images = Sample<float>.Normal([2, 4, 5, 3], 2, 1, 2), expected = layer.Forward(images);
            layer.Forward(images, images);
            Values.Bits(images).Should().Equal(Values.Bits(expected));
        }
    }

    [Fact]
    public void Plans_with_channels_last_are_those_of_the_layers()
    {
        Tensor<float> x = Sample<float>.Normal([3, 7, 6], 1, 1, 2), dy = Sample<float>.Normal([3, 7, 6], 2, 0, 1);
        float[] y = new float[x.Length], dx = new float[x.Length];
        foreach ((NormalizationPlan plan, NormalizationLayer<float> layer) in ((NormalizationPlan, NormalizationLayer<float>)[])
            [
                (NormalizationPlan.Groups(3, 6, 7, 2, ChannelAxis.Last), new GroupNorm<float>(2, 6) { ChannelAxis = ChannelAxis.Last }),
                (NormalizationPlan.Batch(3, 6, 7, ChannelAxis.Last), new BatchNorm1d<float>(6) { ChannelAxis = ChannelAxis.Last }),
            ])
        {
            double[] mean = new double[plan.GroupCount], inverse = new double[plan.GroupCount];
            NormalizationPrimitives.FusedForward<float>(plan, x.Span, default, default, 1e-5, default, Activation.Relu, y, mean, inverse);
            Array.ConvertAll(y, static value => value).Should().Equal(Array.ConvertAll(layer.Forward(x).Span.ToArray(), static value => Math.Max(0, value)));
            NormalizationPrimitives.FusedGradient<float>(
                plan, x.Span, dy.Span, default, default, default, Activation.None, dx, default, default, mean, inverse);
            Values.Distance(Array.ConvertAll(dx, static value => (double)value), Values.Doubles(layer.Backward(dy))).Should().BeLessThan(1e-6);
        }
        double[] given = [1, 2, 3, 4, 5, 6];
        float[] means = Array.ConvertAll(given, static value => (float)value);
        NormalizationPrimitives.FusedInference<float>(
            NormalizationPlan.Batch(3, 6, 7, ChannelAxis.Last), x.Span, default, default, 1e-5, default, Activation.None, y, means, means);
        y[6 + 2].Should().BeApproximately((x.Span[6 + 2] - 3) / MathF.Sqrt(3 + 1e-5f), 1e-5f);
    }

    [Fact]
    public void Errors_and_texts_name_the_axis()
    {
        Refused(new BatchNorm1d<float>(64) { ChannelAxis = ChannelAxis.Last }, [2, 64, 5], "expected input [N, 64] or [N, L, 64], got [2, 64, 5]*");
        Refused(new BatchNorm2d<float>(64) { ChannelAxis = ChannelAxis.Last }, [2, 64, 5, 5], "expected input [N, H, W, 64], got [2, 64, 5, 5]*");
        Refused(new BatchNorm3d<float>(64) { ChannelAxis = ChannelAxis.Last }, [2, 64], "expected input [N, D, H, W, 64], got [2, 64]*");
        Refused(new InstanceNorm1d<float>(64) { ChannelAxis = ChannelAxis.Last }, [64, 5], "expected input [N, L, 64] or [L, 64], got [64, 5]*");
        Refused(new InstanceNorm<float>(64) { ChannelAxis = ChannelAxis.Last }, [2, 64], "expected input [N, ..., 64] of rank 3 or more, got [2, 64]*");
        Refused(new GroupNorm<float>(2, 64) { ChannelAxis = ChannelAxis.Last }, [2, 64, 5], "expected input [N, ..., 64], got [2, 64, 5]*");
        Refused(new LayerNorm<float>(64) { ChannelAxis = ChannelAxis.First }, [2, 5, 64], "expected input [N, 64, ...], got [2, 5, 64]*");
        Refused(new RmsNorm<float>(64) { ChannelAxis = ChannelAxis.First }, [64], "expected input [N, 64, ...], got [64]*");
        new GroupNorm<float>(2, 64) { ChannelAxis = ChannelAxis.Last }.ToString().Should().Be("GroupNorm(2, 64, epsilon: 1E-05, affine: True, channelAxis: Last)");
        new BatchNorm2d<float>(3) { ChannelAxis = ChannelAxis.Last }.ToString().Should().EndWith(", channelAxis: Last)");
        new BatchRenorm<float>(3) { ChannelAxis = ChannelAxis.Last }.ToString().Should().EndWith(", channelAxis: Last)");
        new LayerNorm<float>(3) { ChannelAxis = ChannelAxis.First }.ToString().Should().EndWith(", channelAxis: First)");
        Throws<InvalidOperationException>(static () => _ = new LayerNorm<float>([3, 4]) { ChannelAxis = ChannelAxis.First }, "*[3, 4]*");
        Throws<InvalidOperationException>(static () => _ = new RmsNorm<float>([3, 4]) { ChannelAxis = ChannelAxis.First }, "*[3, 4]*");
        Throws<ArgumentOutOfRangeException>(static () => _ = new GroupNorm<float>(1, 4) { ChannelAxis = (ChannelAxis)2 }, "ChannelAxis must be First or Last, got 2*");
        Throws<ArgumentOutOfRangeException>(static () => NormalizationPlan.Batch(1, 2, 3, (ChannelAxis)7), "channelAxis must be First or Last, got 7*");
        var rows = new LayerNorm<float>(3) { ChannelAxis = ChannelAxis.First };
        rows.Eval();
        Throws<InvalidOperationException>(() => rows.Forward((ReadOnlySpan<float>)new float[6], new float[6]), "*no rows*");

        static void Refused(NormalizationLayer<float> layer, int[] shape, string message) =>
            Throws<ArgumentException>(() => layer.Forward(new(shape)), message);

        static void Throws<TException>(Action call, string message) where TException : Exception =>
            call.Should().Throw<TException>().WithMessage(message);
    }
}
