using System.Numerics;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>A layer whose channels stand elsewhere computes what it computes on the transposed tensor.</summary>
[Collection(nameof(ProcessWide))]
public sealed class ChannelAxisTests
{
    private static readonly Dictionary<string, Case> _cases = List().ToDictionary(static item => item.ToString());

    public static TheoryData<string> All => [.. _cases.Keys];

    [Theory]
    [MemberData(nameof(All))]
    public void Training_and_evaluation_give_what_the_transposed_call_gives(string name)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            Compare<float>(_cases[name], isTraining, Terms.None).Should().BeLessThan(3e-6);
            Compare<double>(_cases[name], isTraining, Terms.None).Should().BeLessThan(1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_term_gives_what_the_transposed_call_gives(string name)
    {
        Case item = _cases[name] with { Activation = Activation.Silu };
        foreach (bool isTraining in (bool[])[true, false])
        {
            Compare<float>(item, isTraining, Terms.All).Should().BeLessThan(2e-5);
            Compare<double>(item, isTraining, Terms.All).Should().BeLessThan(1e-11);
            Compare<double>(item with { Activation = Activation.Gelu }, isTraining, Terms.Skip).Should().BeLessThan(1e-11);
            Compare<double>(item with { Activation = Activation.None }, isTraining, Terms.Scale).Should().BeLessThan(1e-11);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_width_and_every_number_of_threads_gives_the_same_bits(string name)
    {
        SameBits<float>(_cases[name], Terms.None);
        SameBits<double>(_cases[name], Terms.None);
        SameBits<float>(_cases[name] with { Activation = Activation.Relu }, Terms.All);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Values_at_the_ends_of_the_range_give_what_the_transposed_call_gives(string name)
    {
        Case item = _cases[name] with { Epsilon = 0 };
        Compare<float>(item, isTraining: true, Terms.None, mean: 1e4).Should().BeLessThan(3e-6);
        Extreme<float>(item, 1e-36, 3e-6);
        Extreme<float>(item, 1e36, 3e-6);
        Extreme<double>(item, 1e-290, 1e-12);
        Extreme<double>(item, 1e290, 1e-12);
    }

    [Fact]
    public void Whatever_is_drawn_gives_what_the_transposed_call_gives() => Property.Holds(
        from item in Property.Cases from spatial in Gen.Choose(0, 2) from isTraining in Gen.Elements(true, false) select (item, spatial, isTraining),
        static drawn =>
        {
            Case item = Reshaped(drawn.item, drawn.spatial);
            return Compare<double>(item, drawn.isTraining, Terms.None) < 1e-12
                && Compare<double>(item with { Activation = Activation.GeluTanh }, drawn.isTraining, Terms.All) < 1e-11;
        });

    [Fact]
    public void The_input_gradient_gives_the_slope_of_the_loss_in_any_direction() => Property.Holds(
        Property.Cases,
        static item =>
        {
            const double step = 1e-5;
            item = Reshaped(item, 0) with { Track = false };
            Tensor<double> direction = Sample<double>.Normal(item.Shape, 79, 0, 1);
            var sample = new AxisSample<double>(item, isMoved: true);
            Tensor<double> moved = AxisSample<double>.Transpose(direction, 1, toLast: !item.IsRows);
            Tensor<double> gradient = Sample<double>.Normal(moved.Shape.ToArray(), 80, 0.2, 1);
            sample.Layer.Forward(sample.Input);
            Tensor<double> inputGradient = sample.Layer.Backward(gradient);
            double expected = 0, size = 0;
            for (int i = 0; i < moved.Length; i++)
            {
                expected += inputGradient.Span[i] * moved.Span[i];
                size += Math.Abs(inputGradient.Span[i] * moved.Span[i]);
            }
            return Math.Abs(((Loss(step) - Loss(-step)) / (2 * step)) - expected) <= 1e-6 * size;

            double Loss(double distance)
            {
                Tensor<double> input = sample.Input.Clone();
                for (int i = 0; i < input.Length; i++)
                    input.Span[i] += distance * moved.Span[i];
                Tensor<double> output = sample.Layer.Forward(input);
                double loss = 0;
                for (int i = 0; i < output.Length; i++)
                    loss += output.Span[i] * gradient.Span[i];
                return loss;
            }
        });

    [Fact]
    public void A_sample_has_the_same_bits_alone_and_in_any_batch() => Property.Holds(
        Property.CasesOf(Kind.Instance, Kind.Group),
        static item =>
        {
            var whole = new AxisSample<float>(item with { Track = false }, isMoved: true);
            Tensor<float> output = whole.Layer.Forward(whole.Input);
            int length = whole.Input.Length / item.N, last = item.N - 1;
            int[] shape = [1, .. whole.Input.Shape[1..]];
            Tensor<float> alone = whole.Layer.Forward(new(whole.Input.Span.Slice(last * length, length).ToArray(), shape));
            return Values.Bits(alone).SequenceEqual(Values.Bits<float>(output.Span.Slice(last * length, length)));
        });

    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.Instance)]
    [InlineData(Kind.Group)]
    [InlineData(Kind.Layer)]
    public void An_empty_input_gives_an_empty_output(Kind kind)
    {
        var item = new Case(kind, 0, 4, 6) { Groups = 2, Track = true };
        var sample = new AxisSample<float>(item with { Shape = kind == Kind.Layer ? [0, 6, 4] : item.Shape }, isMoved: true);
        sample.Run().Written().Where(static written => written.Name.EndsWith("Gradient", StringComparison.Ordinal))
            .Should().OnlyContain(static written => written.Values.All(static value => value == 0));
    }

    [Fact]
    public void A_constant_channel_gives_exactly_the_bias_and_a_nan_stays_in_its_group()
    {
        var norm = new GroupNorm<float>(3, 6) { ChannelAxis = ChannelAxis.Last };
        norm.Bias!.Value.Fill(0.25f);
        var input = Tensor<float>.Full([2, 50, 6], 1234.5f);
        norm.Forward(input).Span.ToArray().Should().OnlyContain(static value => value == 0.25f);
        input[1, 7, 3] = float.NaN;
        Tensor<float> output = norm.Forward(input);
        for (int i = 0; i < output.Length; i++)
            float.IsNaN(output.Span[i]).Should().Be(i >= 300 && i % 6 is 2 or 3, "of element {0}", i);
    }

    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(3, 19, true)]
    [InlineData(3, 700, true)]
    [InlineData(3, 700, false)]
    [InlineData(12, 77, true)]
    [InlineData(12, 77, false)]
    [InlineData(63, 33, true)]
    [InlineData(63, 33, false)]
    public void Few_channels_last_give_what_the_transposed_call_gives_at_every_position(int channels, int positions, bool isHard)
    {
        // One channel leaves the range of floats, so that the others are written apart from it.
        Tensor<float> input = Sample<float>.Normal([2, channels, positions], 5, 0.5, 1), gradient = Sample<float>.Normal([2, channels, positions], 6, 0.1, 1);
        for (int i = 0; isHard && i < 2 * positions; i++)
            input[i / positions, 1, i % positions] *= 1e36f;
        var first = new BatchNorm1d<float>(channels);
        var last = new BatchNorm1d<float>(channels) { ChannelAxis = ChannelAxis.Last };
        Tensor<float> expected = first.Forward(input), output = last.Forward(AxisSample<float>.Transpose(input, 1, toLast: true));
        Values.Distance(Values.Doubles(AxisSample<float>.Transpose(output, 1, toLast: false)), Values.Doubles(expected), floor: 1e-3).Should().BeLessThan(3e-6);
        output = last.Backward(AxisSample<float>.Transpose(gradient, 1, toLast: true));
        expected = first.Backward(gradient);
        Values.Distance(Values.Doubles(AxisSample<float>.Transpose(output, 1, toLast: false)), Values.Doubles(expected), floor: 1e-3).Should().BeLessThan(3e-6);
    }

    [Fact]
    public void Virtual_batches_micro_batches_and_frozen_layers_take_channels_last()
    {
        var item = new Case(Kind.Batch, 11, 5, 3, 4) { Track = true };
        Tensor<float> input = Sample<float>.Normal(item.Shape, 1, 1, 2), moved = AxisSample<float>.Transpose(input, 1, toLast: true);
        BatchNorm2d<float> first = new(5) { VirtualBatchSize = 4 }, last = new(5) { VirtualBatchSize = 4, ChannelAxis = ChannelAxis.Last };
        Near(last.Forward(moved), first.Forward(input));
        Near(last.Backward(moved), first.Backward(input));
        last.BatchesTracked.Should().Be(2);
        Values.Distance(Values.Doubles(last.RunningVariance), Values.Doubles(first.RunningVariance)).Should().BeLessThan(1e-6);
        first.UseRunningStatistics = last.UseRunningStatistics = true;
        Near(last.Forward(moved), first.Forward(input));
        Near(last.Backward(moved), first.Backward(input));
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
        float[] expected = alone.Forward(batch).Span.ToArray(), expectedGradient = alone.Backward(batch).Span.ToArray();
        float[] outputs = new float[expected.Length], gradients = new float[expected.Length];
        IReadOnlyList<InMemoryCollective> ranks = InMemoryCollective.Create(2);
        Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2 }, rank =>
        {
            var norm = new BatchNorm2d<float>(5) { ChannelAxis = ChannelAxis.Last };
            norm.Synchronize(ranks[rank]);
            (int start, int count) = rank == 0 ? (0, 180) : (180, 240);
            Tensor<float> part = new(batch.Span.Slice(start, count).ToArray(), count / 60, 3, 4, 5);
            norm.Forward(part).Span.CopyTo(outputs.AsSpan(start));
            norm.Backward(part).Span.CopyTo(gradients.AsSpan(start));
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

    private static IEnumerable<Case> List()
    {
        int[][] images = [[4, 5, 3], [2, 3, 6, 6], [2, 3, 4, 4, 4], [3, 1, 50], [5, 4, 1], [2, 16, 9, 9], [3, 17, 40], [1, 600, 130], [2, 1500, 9], [37, 8, 90]];
        foreach (int[] shape in images)
            yield return new(Kind.Batch, shape) { Track = true };
        yield return new(Kind.Batch, 40, 33, 31) { Affine = false };
        foreach (int[] shape in images.Where(static shape => shape[^1] > 1))
            yield return new(Kind.Instance, shape) { Track = true };
        yield return new(Kind.Instance, 3, 6, 6) { IsUnbatched = true, Affine = false };
        yield return new(Kind.Instance, 40, 33, 31) { Affine = false };
        (int Groups, int[] Shape)[] groups =
        [
            (1, [2, 3, 6, 6]), (3, [4, 3, 7]), (2, [4, 6, 5]), (4, [3, 64, 7, 7]), (2, [2, 34, 50]), (3, [5, 12, 1]), (1, [1, 16, 3001]),
            (2, [1, 3000, 40]), (8, [40, 32, 60]), (32, [2, 64, 33, 33]), (1, [3, 1, 40]), (5, [700, 10, 8]),
        ];
        foreach ((int count, int[] shape) in groups)
            yield return new(Kind.Group, shape) { Groups = count };
        yield return new(Kind.Group, 3, 20, 300) { Groups = 4, Affine = false };
        int[][] rows = [[4, 5, 7], [2, 6, 6, 3], [3, 900, 64], [40, 1, 33], [2, 5, 1]];
        foreach (int[] shape in rows)
        {
            yield return new(Kind.Layer, shape);
            yield return new(Kind.Rms, shape) { Epsilon = 1e-6 };
        }
        yield return new(Kind.Layer, 4, 50, 8) { Affine = false };
    }

    /// <summary>The same elements in a shape with channels, and with two or three dimensions of positions.</summary>
    private static Case Reshaped(Case item, int spatial)
    {
        if (item.IsRows)
            return item with { Shape = [item.N, item.Groups, item.S] };
        return item with { Shape = [item.N, item.C, .. Enumerable.Repeat(2, spatial), item.S] };
    }

    private static double Compare<T>(Case item, bool isTraining, Terms terms, double mean = 0.5, double scale = 2)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        AxisSample<T> plain = new AxisSample<T>(item, isMoved: false, terms, mean, scale).Run(isTraining);
        return new AxisSample<T>(item, isMoved: true, terms, mean, scale).Run(isTraining).DistanceTo(plain);
    }

    /// <summary>Outputs, and input gradients on their own scale; the running statistics may leave the range.</summary>
    private static void Extreme<T>(Case item, double scale, double tolerance) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        item = item with { Track = false };
        var plain = new AxisSample<T>(item, isMoved: false, Terms.None, scale, scale).Run().Written();
        var moved = new AxisSample<T>(item, isMoved: true, Terms.None, scale, scale).Run().Written();
        foreach (((string name, double[] expected), (_, double[] actual)) in plain.Zip(moved).Where(static pair => pair.First.Name != "statistics"))
            Values.Distance(actual, expected).Should().BeLessThan(tolerance, name);
    }

    private static void SameBits<T>(Case item, Terms terms) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] expected = new AxisSample<T>(item, isMoved: true, terms).Run().Bits();
        foreach (int bits in new[] { 128, 256, 512 })
        {
            using var setting = Setting.Width(bits);
            new AxisSample<T>(item, isMoved: true, terms).Run().Bits().Should().Equal(expected, "of {0} bits", bits);
        }
        foreach (int degree in new[] { 1, 3, 7 })
        {
            using var setting = Setting.Degree(degree);
            new AxisSample<T>(item, isMoved: true, terms).Run().Bits().Should().Equal(expected, "of {0} threads", degree);
        }
    }
}
