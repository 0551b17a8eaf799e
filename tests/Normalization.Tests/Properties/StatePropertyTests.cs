using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What layers and contexts remember, and what they must not depend on, for every shape.</summary>
public sealed class StatePropertyTests
{
    [Fact]
    public void Running_statistics_after_several_batches_have_the_closed_form() => Property.Holds(
        from item in Property.Tracking
        from hundredths in Gen.Choose(0, 100)
        from batches in Gen.Choose(1, 5)
        select (Case: item with { Momentum = hundredths / 100.0 }, batches),
        static drawn =>
        {
            double momentum = drawn.Case.Momentum!.Value;
            return FollowsWeights(drawn.Case, [.. Enumerable.Range(1, drawn.batches).Select(i => momentum * Math.Pow(1 - momentum, drawn.batches - i))]);
        });

    [Fact]
    public void The_cumulative_average_gives_every_batch_the_same_weight() => Property.Holds(
        from item in Property.Tracking from batches in Gen.Choose(1, 6) select (Case: item with { Momentum = null }, batches),
        static drawn => FollowsWeights(drawn.Case, [.. Enumerable.Repeat(1.0 / drawn.batches, drawn.batches)]));

    [Fact]
    public void Frozen_statistics_train_with_the_bits_of_evaluation() => Property.Holds(
        Property.Cases,
        static item =>
        {
            if (item is not { Kind: Kind.Batch or Kind.Instance, Track: true })
                return true;
            var frozen = new Sample<float>(item);
            frozen.Running!.UseRunningStatistics = true;
            return frozen.Run(isTraining: true).Bits().SequenceEqual(new Sample<float>(item).Run(isTraining: false).Bits());
        });

    [Fact]
    public void Evaluation_changes_no_state_and_remembers_no_pass() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> sample = new Sample<float>(item).Run();
            long[] before = Remembered(sample), gradient = Values.Bits(sample.InputGradient);
            sample.Layer.Eval();
            sample.Layer.Forward(Tensor<float>.Full(item.Shape, 3));
            sample.Layer.Forward(sample.Output, sample.Output);
            bool isSame = Remembered(sample).SequenceEqual(before);
            sample.Layer.Train();
            sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            return isSame
                && Values.Bits(sample.InputGradient).SequenceEqual(gradient)
                && Property.Refuses<InvalidOperationException>(() => sample.Layer.Backward(sample.OutputGradient));
        });

    [Fact]
    public void In_evaluation_the_output_over_the_input_has_the_bits_of_the_output_apart() => Property.Holds(
        Property.Cases,
        static item =>
        {
            var sample = new Sample<float>(item);
            sample.Layer.Eval();
            Tensor<float> apart = sample.Layer.Forward(sample.Input);
            sample.Layer.Forward(sample.Input, sample.Input);
            return Values.Bits(sample.Input).SequenceEqual(Values.Bits(apart));
        });

    [Fact]
    public void The_input_gradient_over_the_output_gradient_has_the_bits_of_the_one_apart() => Property.Holds(
        from item in Property.Cases from isTraining in Gen.Elements(true, false) select (item, isTraining),
        static drawn =>
        {
            Sample<float> apart = new Sample<float>(drawn.item).Run(drawn.isTraining), over = new Sample<float>(drawn.item).Run(drawn.isTraining);
            over.Layer.ZeroGradients();
            over.Layer.Backward(over.OutputGradient, over.OutputGradient, over.Context);
            return Values.Bits(over.OutputGradient).SequenceEqual(Values.Bits(apart.InputGradient))
                && over.Layer.Parameters.Zip(apart.Layer.Parameters).All(static pair =>
                    Values.Bits(pair.First.Gradient).SequenceEqual(Values.Bits(pair.Second.Gradient)));
        });

    [Fact]
    public void A_partial_overlap_of_any_shift_is_refused_and_nothing_is_written() => Property.Holds(
        from item in Property.Cases
        from shift in Gen.Choose(1, item.Length - 1)
        from isEarlier in Gen.Elements(true, false)
        from isTraining in Gen.Elements(true, false)
        select (item, shift, isEarlier, isTraining),
        static drawn =>
        {
            var sample = new Sample<float>(drawn.item);
            int length = drawn.item.Length;
            float[] memory = Sample<float>.Normal([length + drawn.shift], 5, 1, 2).Span.ToArray(), before = [.. memory];
            Tensor<float> near = new(memory.AsMemory(0, length), drawn.item.Shape), far = new(memory.AsMemory(drawn.shift), drawn.item.Shape);
            (Tensor<float> read, Tensor<float> written) = drawn.isEarlier ? (far, near) : (near, far);
            sample.Run(drawn.isTraining);
            long[] remembered = Remembered(sample);
            return Property.Refuses<ArgumentException>(() => sample.Layer.Forward(read, written))
                && Property.Refuses<ArgumentException>(() => sample.Layer.Backward(read, written, sample.Context))
                && memory.SequenceEqual(before)
                && Remembered(sample).SequenceEqual(remembered);
        });

    [Fact]
    public void A_size_off_by_one_anywhere_is_refused_and_nothing_changes() => Property.Holds(
        from item in Property.Cases
        from dimension in Gen.Choose(0, item.Shape.Length - 1)
        from difference in Gen.Elements(-1, 1)
        select (item, dimension, difference),
        static drawn =>
        {
            var sample = new Sample<float>(drawn.item);
            sample.Run();
            int[] shape = [.. drawn.item.Shape];
            shape[drawn.dimension] += drawn.difference;
            Tensor<float> wrong = new(shape);
            long[] before = [.. Remembered(sample), .. sample.Bits()];
            bool isOtherLayer = drawn.dimension == 1;
            return (!isOtherLayer || Property.Refuses<ArgumentException>(() => sample.Layer.Forward(wrong)))
                && Property.Refuses<ArgumentException>(() => sample.Layer.Forward(sample.Input, wrong))
                && Property.Refuses<ArgumentException>(() => sample.Layer.Forward(wrong, sample.Output))
                && Property.Refuses<ArgumentException>(() => sample.Layer.Backward(wrong, sample.InputGradient, sample.Context))
                && Property.Refuses<ArgumentException>(() => sample.Layer.Backward(sample.OutputGradient, wrong, sample.Context))
                && Remembered(sample).Concat(sample.Bits()).SequenceEqual(before);
        });

    [Fact]
    public void A_context_used_before_serves_as_well_as_a_new_one() => Property.Holds(
        from item in Property.Cases from n in Gen.Choose(1, 20) select (item, n),
        static drawn =>
        {
            Sample<float> used = new(drawn.item with { Track = false }), fresh = new(drawn.item with { Track = false });
            Tensor<float> other = Sample<float>.Normal([drawn.n, .. drawn.item.Shape[1..]], 9, 5, 3);
            used.Layer.Forward(other, new(other.Shape), used.Context);
            used.Layer.Backward(other, new(other.Shape), used.Context);
            used.Layer.ZeroGradients();
            return used.Run().Bits().SequenceEqual(fresh.Run().Bits()) && used.Context.GroupCount == fresh.Context.GroupCount;
        });

    [Fact]
    public void Two_passes_under_way_at_once_do_not_disturb_each_other() => Property.Holds(
        from item in Property.Cases from n in Gen.Choose(1, 9) select (item, n),
        static drawn =>
        {
            Sample<float> alone = new Sample<float>(drawn.item with { Track = false }).Run(), both = new(drawn.item with { Track = false });
            Tensor<float> other = Sample<float>.Normal([drawn.n, .. drawn.item.Shape[1..]], 10, 5, 3), output = new(other.Shape), gradient = new(other.Shape);
            ForwardContext<float> context = new();
            both.Layer.Forward(both.Input, both.Output, both.Context);
            both.Layer.Forward(other, output, context);
            both.Layer.Backward(both.OutputGradient, both.InputGradient, both.Context);
            bool isSame = both.Bits().SequenceEqual(alone.Bits());
            both.Layer.Backward(other, gradient, context);
            return isSame && gradient.Span.ToArray().All(float.IsFinite);
        });

    [Fact]
    public void Any_split_of_the_batch_gives_each_sample_the_same_bits() => Property.Holds(
        from item in Property.PerSample from first in Gen.Choose(0, item.Shape[0]) select (Case: item with { Track = false }, first),
        static drawn =>
        {
            Sample<float> whole = new Sample<float>(drawn.Case).Run();
            int size = drawn.Case.Length / drawn.Case.Shape[0];
            float[] output = new float[drawn.Case.Length], gradient = new float[drawn.Case.Length];
            Sample<float> parts = new(drawn.Case);
            foreach ((int start, int count) in ((int, int)[])[(0, drawn.first), (drawn.first, drawn.Case.Shape[0] - drawn.first)])
            {
                int[] shape = [count, .. drawn.Case.Shape[1..]];
                Tensor<float> Part(Memory<float> memory) => new(memory.Slice(start * size, count * size), shape);
                parts.Layer.Forward(Part(parts.Input.Memory), Part(output), parts.Context);
                parts.Layer.Backward(Part(parts.OutputGradient.Memory), Part(gradient), parts.Context);
            }
            return output.AsSpan().SequenceEqual(whole.Output.Span)
                && gradient.AsSpan().SequenceEqual(whole.InputGradient.Span)
                && parts.Layer.Parameters.Zip(whole.Layer.Parameters).All(static pair =>
                    Values.Distance(Values.Doubles(pair.First.Gradient), Values.Doubles(pair.Second.Gradient)) < 1e-5);
        });

    [Fact]
    public void The_alignment_of_the_memory_changes_no_bits() => Property.Holds(
        from item in Property.Cases from offset in Gen.Choose(1, 15) select (item, offset),
        static drawn =>
        {
            Sample<float> sample = new Sample<float>(drawn.item with { Track = false }).Run();
            Tensor<float> input = Elsewhere(sample.Input), outputGradient = Elsewhere(sample.OutputGradient);
            Tensor<float> output = Elsewhere(sample.Output), inputGradient = Elsewhere(sample.InputGradient);
            output.Fill(0);
            inputGradient.Fill(0);
            sample.Layer.Forward(input, output, sample.Context);
            sample.Layer.Backward(outputGradient, inputGradient, sample.Context);
            return Values.Bits(output).SequenceEqual(Values.Bits(sample.Output)) && Values.Bits(inputGradient).SequenceEqual(Values.Bits(sample.InputGradient));

            Tensor<float> Elsewhere(Tensor<float> tensor)
            {
                float[] memory = new float[tensor.Length + drawn.offset];
                tensor.Span.CopyTo(memory.AsSpan(drawn.offset));
                return new(memory.AsMemory(drawn.offset), tensor.Shape);
            }
        });

    [Fact]
    public void The_primitives_give_the_bits_of_the_layers() => Property.Holds(
        Property.Cases,
        static item =>
        {
            // In double a layer keeps more of a mean than the primitives can hand out.
            Sample<float> sample = new Sample<float>(item with { Track = false }).Run();
            var call = new PrimitiveCall<float>(sample);
            call.Forward(sample);
            call.Backward(sample);
            return call.Y.AsSpan().SequenceEqual(sample.Output.Span)
                && Enumerable.Range(0, sample.Context.GroupCount).All(g =>
                    call.InverseStandardDeviation[g] == sample.Context.GetInverseStandardDeviation(g)
                    && (item.Kind == Kind.Rms || call.Mean[g] == sample.Context.GetMean(g)))
                && Values.Distance(Values.Doubles(new Tensor<float>(call.Dx, item.Shape)), Values.Doubles(sample.InputGradient)) < 1e-7;
        });

    [Fact]
    public void Resetting_makes_a_trained_layer_a_new_one() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> sample = new Sample<float>(item).Run();
            NormalizationLayer<float> fresh = item.Create<float>();
            sample.Layer.ResetParameters();
            sample.Layer.ZeroGradients();
            sample.Running?.ResetRunningStatistics();
            return Values.Bits(sample.Layer.Forward(sample.Input)).SequenceEqual(Values.Bits(fresh.Forward(sample.Input)))
                && Values.Bits(sample.Layer.Backward(sample.OutputGradient)).SequenceEqual(Values.Bits(fresh.Backward(sample.OutputGradient)))
                && Remembered(sample.Layer).SequenceEqual(Remembered(fresh));
        });

    /// <summary>Whether running statistics are this weighted sum of the batches' own, the initial ones taking the rest of the weight.</summary>
    private static bool FollowsWeights(Case item, double[] weights)
    {
        var layer = (RunningStatisticsLayer<double>)item.Create<double>();
        double rest = 1 - weights.Sum();
        double[] mean = new double[item.C], variance = [.. Enumerable.Repeat(rest, item.C)];
        for (int i = 0; i < weights.Length; i++)
        {
            var batch = new Sample<double>(item, mean: i, deviation: 1 + i, seed: 20 + i);
            layer.Forward(batch.Input);
            (double[] Mean, double[] Variance) seen = Reference.Of(batch).Batch();
            for (int channel = 0; channel < item.C; channel++)
            {
                mean[channel] += weights[i] * seen.Mean[channel];
                variance[channel] += weights[i] * seen.Variance[channel];
            }
        }
        return Values.Distance(layer.RunningMean!.Span, mean, 1) < 1e-13
            && Values.Distance(layer.RunningVariance!.Span, variance) < 1e-13
            && layer.BatchesTracked == weights.Length;
    }

    private static long[] Remembered(Sample<float> sample) =>
    [
        .. Remembered(sample.Layer),
        .. Enumerable.Range(0, sample.Context.GroupCount).Select(g => BitConverter.DoubleToInt64Bits(sample.Context.GetInverseStandardDeviation(g))),
    ];

    private static long[] Remembered(NormalizationLayer<float> layer) =>
    [
        .. layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Value).Concat(Values.Bits(parameter.Gradient))),
        .. layer is RunningStatisticsLayer<float> running
            ? [.. Values.Bits(running.RunningMean), .. Values.Bits(running.RunningVariance), running.BatchesTracked]
            : Array.Empty<long>(),
    ];
}
