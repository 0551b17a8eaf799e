using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What the output of a layer must be for every shape, and how it must answer to a change of its input.</summary>
public sealed class ForwardPropertyTests
{
    private const int Shapes = 400;

    [Fact]
    public void Every_shape_gives_the_formula() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item).Run();
            var reference = Reference.Of(sample);
            (double[] input, double[] weight, double[] bias) = reference.Gradients(sample.OutputGradient.Span.ToArray());
            return Values.Distance(sample.Output.Span, reference.Output) < 1e-13
                && Values.Distance(sample.InputGradient.Span, input, reference.LargestTerm / 100) < 1e-13
                && Values.Distance(Values.Doubles(sample.Layer.Weight?.Gradient), weight) < 1e-12
                && Values.Distance(Values.Doubles(sample.Layer.Bias?.Gradient), bias) < 1e-12;
        },
        Shapes);

    [Fact]
    public void Every_shape_gives_the_formula_in_floats() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> sample = new Sample<float>(item).Run();
            var reference = Reference.Of(sample);
            (double[] input, _, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            return Values.Distance(Values.Doubles(sample.Output), reference.Output, reference.FloatUnit) <= 3
                && Values.Distance(Values.Doubles(sample.InputGradient), input, reference.LargestTerm / 100) < 2e-7;
        },
        Shapes);

    [Fact]
    public void A_shift_and_a_scale_of_the_input_leave_a_centered_output() => Property.Holds(
        Property.Centered,
        static item =>
        {
            var sample = new Sample<double>(item with { Epsilon = 0 });
            Tensor<double> expected = sample.Layer.Forward(sample.Input);
            foreach (ref double value in sample.Input.Span)
                value = (8 * value) + 100;
            return Values.Distance(sample.Layer.Forward(sample.Input).Span, expected.Span) < 1e-12;
        });

    [Fact]
    public void A_power_of_two_in_the_input_and_its_square_in_epsilon_change_no_bit_of_the_output() => Property.Holds(
        from item in Property.Cases from power in Gen.Choose(-30, 30) select (item, power),
        static drawn =>
        {
            var sample = new Sample<float>(drawn.item);
            var scaled = new Sample<float>(drawn.item with { Epsilon = double.ScaleB(drawn.item.Epsilon, 2 * drawn.power) });
            foreach (ref float value in scaled.Input.Span)
                value = float.ScaleB(value, drawn.power);
            return Values.Bits(scaled.Layer.Forward(scaled.Input)).SequenceEqual(Values.Bits(sample.Layer.Forward(sample.Input)));
        });

    [Fact]
    public void The_other_sign_of_the_input_gives_exactly_the_other_sign_of_a_plain_output() => Property.Holds(
        Property.Cases,
        static item =>
        {
            var sample = new Sample<float>(item with { Affine = false });
            Tensor<float> output = sample.Layer.Forward(sample.Input);
            foreach (ref float value in sample.Input.Span)
                value = -value;
            Tensor<float> mirrored = sample.Layer.Forward(sample.Input);
            return Enumerable.Range(0, output.Length).All(i => mirrored.Span[i] == -output.Span[i]);
        });

    [Fact]
    public void A_plain_output_has_mean_zero_and_the_mean_square_that_epsilon_leaves() => Property.Holds(
        Property.Centered,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item with { Affine = false, Epsilon = 0.5 }).Run();
            var reference = Reference.Of(sample);
            double[] sum = new double[reference.Mean.Length], squares = new double[sum.Length];
            for (int i = 0; i < sample.Output.Length; i++)
            {
                int group = item.GroupOf(i, hasFixedStatistics: false);
                sum[group] += sample.Output.Span[i];
                squares[group] += sample.Output.Span[i] * sample.Output.Span[i];
            }
            double count = (double)item.Length / sum.Length;
            return Enumerable.Range(0, sum.Length).All(g =>
                Math.Abs(sum[g] / count) < 1e-13
                && Math.Abs((squares[g] / count) - (reference.Variance[g] / (reference.Variance[g] + 0.5))) < 1e-13);
        });

    [Fact]
    public void Normalizing_twice_without_epsilon_is_normalizing_once() => Property.Holds(
        Property.Cases,
        static item =>
        {
            var sample = new Sample<double>(item with { Affine = false, Epsilon = 0 });
            Tensor<double> once = sample.Layer.Forward(sample.Input);
            return Values.Distance(sample.Layer.Forward(once).Span, once.Span) < 1e-12;
        });

    [Fact]
    public void Coefficients_scale_and_shift_the_plain_output() => Property.Holds(
        Property.Cases,
        static item =>
        {
            var sample = new Sample<double>(item with { Affine = true });
            Tensor<double> plain = new Sample<double>(item with { Affine = false }).Layer.Forward(sample.Input);
            Tensor<double> output = sample.Layer.Forward(sample.Input);
            double[] expected = new double[item.Length];
            for (int i = 0; i < expected.Length; i++)
            {
                int coefficient = item.CoefficientOf(i);
                expected[i] = (plain.Span[i] * sample.Layer.Weight!.Value.Span[coefficient]) + (sample.Layer.Bias?.Value.Span[coefficient] ?? 0);
            }
            return Values.Distance(output.Span, expected) < 1e-14;
        });

    [Fact]
    public void A_constant_group_gives_exactly_the_bias() => Property.Holds(
        from item in Property.Centered from seed in Property.Seeds select (item, seed),
        static drawn =>
        {
            var sample = new Sample<float>(drawn.item with { Affine = true });
            double[] constants = Normals.Of(drawn.item.GroupCount(hasFixedStatistics: false), drawn.seed);
            for (int i = 0; i < sample.Input.Length; i++)
                sample.Input.Span[i] = (float)(1e4 * constants[drawn.item.GroupOf(i, hasFixedStatistics: false)]);
            Tensor<float> output = sample.Layer.Forward(sample.Input);
            return Enumerable.Range(0, output.Length).All(i => output.Span[i] == sample.Layer.Bias!.Value.Span[drawn.item.CoefficientOf(i)]);
        });

    [Fact]
    public void A_permutation_of_the_batch_permutes_the_output() => Property.Holds(
        from item in Property.Cases from seed in Property.Seeds select (item, seed),
        static drawn =>
        {
            var sample = new Sample<double>(drawn.item);
            int[] order = Order(drawn.item.Shape[0], drawn.seed);
            int size = drawn.item.Length / drawn.item.Shape[0];
            Tensor<double> output = sample.Layer.Forward(sample.Input), permuted = sample.Layer.Forward(Blocks(sample.Input, order, size));
            // BatchNorm adds up its samples in another order; everyone else sees a sample at a time.
            return Values.Distance(permuted.Span, Blocks(output, order, size).Span) <= (drawn.item.Kind == Kind.Batch ? 1e-13 : 0);
        });

    [Fact]
    public void A_permutation_of_the_channels_permutes_the_bits_of_the_output() => Property.Holds(
        from item in Property.CasesOf(Kind.Batch, Kind.Instance) from seed in Property.Seeds select (item, seed),
        static drawn =>
        {
            Case item = drawn.item;
            Sample<float> sample = new(item), permuted = new(item);
            int[] order = Order(item.C, drawn.seed), everywhere = [.. Enumerable.Range(0, item.N * item.C).Select(i => (i / item.C * item.C) + order[i % item.C])];
            Blocks(sample.Input, everywhere, item.S).CopyTo(permuted.Input);
            foreach ((Parameter<float> from, Parameter<float> to) in sample.Layer.Parameters.Zip(permuted.Layer.Parameters))
                Blocks(from.Value, order, 1).CopyTo(to.Value);
            Tensor<float> output = sample.Layer.Forward(sample.Input);
            return Values.Bits(permuted.Layer.Forward(permuted.Input)).SequenceEqual(Values.Bits(Blocks(output, everywhere, item.S)));
        });

    [Fact]
    public void Evaluation_with_running_statistics_sees_each_element_by_itself() => Property.Holds(
        from item in Property.Tracking from seed in Property.Seeds select (item, seed),
        static drawn =>
        {
            var sample = new Sample<float>(drawn.item);
            sample.Layer.Eval();
            int[] order = Order(drawn.item.N * drawn.item.S, drawn.seed);
            Tensor<float> output = sample.Layer.Forward(sample.Input), shuffled = sample.Layer.Forward(Shuffled(sample.Input));
            return Values.Bits(shuffled).SequenceEqual(Values.Bits(Shuffled(output)));

            Tensor<float> Shuffled(Tensor<float> tensor)
            {
                Tensor<float> result = new(tensor.Shape);
                for (int i = 0; i < order.Length; i++)
                {
                    for (int channel = 0; channel < drawn.item.C; channel++)
                        result[i / drawn.item.S, channel, i % drawn.item.S] = tensor[order[i] / drawn.item.S, channel, order[i] % drawn.item.S];
                }
                return result;
            }
        });

    [Fact]
    public void GroupNorm_with_a_group_for_each_channel_is_InstanceNorm() => Property.Holds(
        Property.CasesOf(Kind.Instance),
        static item => new Sample<float>(item with { Track = false }).Run().Bits().SequenceEqual(
            new Sample<float>(item with { Kind = Kind.Group, Groups = item.C }).Run().Bits()));

    [Fact]
    public void BatchNorm_of_one_sample_is_InstanceNorm() => Property.Holds(
        Property.CasesOf(Kind.Batch),
        static item =>
        {
            Case one = new(Kind.Batch, 1, item.C, item.S) { Affine = item.Affine };
            Sample<double> batch = new Sample<double>(one).Run(), instance = new Sample<double>(one with { Kind = Kind.Instance }).Run();
            return Values.Distance(batch.Output.Span, instance.Output.Span) < 1e-13
                && Values.Distance(batch.InputGradient.Span, instance.InputGradient.Span) < 1e-13;
        });

    [Fact]
    public void LayerNorm_of_whole_samples_is_GroupNorm_with_one_group() => Property.Holds(
        Property.CasesOf(Kind.Group),
        static item => new Sample<float>(item with { Affine = false, Groups = 1 }).Run().Bits().SequenceEqual(
            new Sample<float>(new(Kind.Layer, item.Shape) { Affine = false, NormalizedRank = 2 }).Run().Bits()));

    [Fact]
    public void BatchNorm_of_a_transposed_input_is_the_transposed_output() => Property.Holds(
        Property.CasesOf(Kind.Batch),
        static item =>
        {
            Sample<double> first = new(item), last = new(item with { Shape = [item.N * item.S, item.C] });
            ChannelsLast(first.Input, item).CopyTo(last.Input);
            ChannelsLast(first.OutputGradient, item).CopyTo(last.OutputGradient);
            first.Run();
            last.Run();
            return Values.Distance(last.Output.Span, ChannelsLast(first.Output, item).Span) < 1e-13
                && Values.Distance(last.InputGradient.Span, ChannelsLast(first.InputGradient, item).Span) < 1e-12;
        });

    [Fact]
    public void RmsNorm_of_centered_rows_is_LayerNorm_without_bias() => Property.Holds(
        Property.CasesOf(Kind.Layer),
        static item =>
        {
            Sample<double> layer = new(item with { Bias = false }), rms = new(item with { Kind = Kind.Rms });
            for (int row = 0; row < item.N; row++)
            {
                Span<double> values = rms.Input.Span.Slice(row * item.S, item.S);
                double mean = values.ToArray().Average();
                foreach (ref double value in values)
                    value -= mean;
            }
            return Values.Distance(rms.Layer.Forward(rms.Input).Span, layer.Layer.Forward(layer.Input).Span) < 1e-13;
        });

    private static int[] Order(int length, int seed)
    {
        int[] order = [.. Enumerable.Range(0, length)];
        new Random(seed).Shuffle(order);
        return order;
    }

    private static Tensor<T> Blocks<T>(Tensor<T> tensor, int[] order, int size)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> result = new(tensor.Shape);
        for (int i = 0; i < order.Length; i++)
            tensor.Span.Slice(order[i] * size, size).CopyTo(result.Span[(i * size)..]);
        return result;
    }

    private static Tensor<double> ChannelsLast(Tensor<double> tensor, Case item)
    {
        Tensor<double> result = new(item.N * item.S, item.C);
        for (int i = 0; i < tensor.Length; i++)
            result[(i / (item.C * item.S) * item.S) + (i % item.S), item.CoefficientOf(i)] = tensor.Span[i];
        return result;
    }
}
