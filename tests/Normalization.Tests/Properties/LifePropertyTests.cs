using System.Numerics.Tensors;
using FsCheck.Fluent;
using MathNet.Numerics.Statistics;

namespace Normalization.Tests;

/// <summary>What statistics do over the life of a model, for every shape.</summary>
public sealed class LifePropertyTests
{
    [Fact]
    public void A_repeated_pass_has_the_bits_of_the_first_and_leaves_the_state() => Property.Holds(
        from item in Property.Cases from isTraining in Gen.Elements(true, false) select (item, isTraining),
        static drawn =>
        {
            Sample<float> once = new Sample<float>(drawn.item).Run(drawn.isTraining), twice = new Sample<float>(drawn.item);
            twice.Layer.Train(drawn.isTraining);
            twice.Layer.Forward(twice.Input, twice.Output, twice.Context);
            twice.Context.ReleaseInput();
            twice.Output.Fill(0);
            twice.Context.IsRecomputation = true;
            twice.Layer.Forward(twice.Input, twice.Output, twice.Context);
            twice.Layer.Backward(twice.OutputGradient, twice.InputGradient, twice.Context);
            return twice.Bits().SequenceEqual(once.Bits()) && twice.Running?.BatchesTracked == once.Running?.BatchesTracked;
        });

    [Fact]
    public void A_pass_without_update_has_the_bits_of_one_with_it() => Property.Holds(
        Property.Tracking,
        static item =>
        {
            Sample<float> updated = new Sample<float>(item).Run(), left = new(item), untouched = new(item);
            left.Context.UpdateRunningStatistics = false;
            left.Run();
            return Values.Bits(left.Output).SequenceEqual(Values.Bits(updated.Output))
                && Values.Bits(left.InputGradient).SequenceEqual(Values.Bits(updated.InputGradient))
                && Values.Bits(left.Running!.RunningMean).SequenceEqual(Values.Bits(untouched.Running!.RunningMean))
                && Values.Bits(left.Running.RunningVariance).SequenceEqual(Values.Bits(untouched.Running.RunningVariance))
                && left.Running.BatchesTracked == 0;
        });

    [Fact]
    public void A_virtual_batch_is_a_batch_of_its_own_whatever_the_sizes() => Property.Holds(
        from c in Gen.Choose(1, 20) from n in Gen.Choose(2, 40) from size in Gen.Choose(1, 12) from s in Gen.Choose(2, 60) select (c, n, size, s),
        static drawn =>
        {
            BatchNorm1d<float> pieces = new(drawn.c) { VirtualBatchSize = drawn.size }, turns = new(drawn.c);
            Tensor<float> input = Sample<float>.Normal([drawn.n, drawn.c, drawn.s], 1, 3, 2);
            long[] output = Values.Bits(pieces.Forward(input)), gradient = Values.Bits(pieces.Backward(input));
            int count = Math.Max(1, drawn.n / drawn.size), element = drawn.c * drawn.s;
            bool isSame = pieces.BatchesTracked == count;
            for (int i = 0; i < count; i++)
            {
                int start = i * drawn.size, samples = i + 1 < count ? drawn.size : drawn.n - start;
                var piece = new Tensor<float>(input.Memory.Slice(start * element, samples * element), samples, drawn.c, drawn.s);
                isSame &= Values.Bits(turns.Forward(piece)).AsSpan().SequenceEqual(output.AsSpan(start * element, samples * element));
                isSame &= Values.Bits(turns.Backward(piece)).AsSpan().SequenceEqual(gradient.AsSpan(start * element, samples * element));
            }
            return isSame
                && Values.Bits(turns.RunningVariance).SequenceEqual(Values.Bits(pieces.RunningVariance))
                && Values.Bits(turns.Weight!.Gradient).SequenceEqual(Values.Bits(pieces.Weight!.Gradient));
        });

    [Fact]
    public void Parts_of_a_batch_give_what_the_whole_gives_to_two_units_in_the_last_place() => Property.Holds(
        from c in Gen.Choose(1, 9) from n in Gen.Choose(2, 30) from cuts in Gen.Choose(0, 30).ListOf(3) from s in Gen.Choose(2, 40) select (c, n, cuts, s),
        static drawn =>
        {
            BatchNorm1d<float> whole = new(drawn.c), layer = new(drawn.c);
            Tensor<float> input = Sample<float>.Normal([drawn.n, drawn.c, drawn.s], 1, 3, 2), gradient = Sample<float>.Normal(input.Shape.ToArray(), 2, 0.3, 1);
            int[] ends = [0, .. drawn.cuts.Select(cut => Math.Min(cut, drawn.n)).Order(), drawn.n];
            var batch = new MicroBatches<float>(layer);
            MicroBatchTests.Part<float>[] parts = [.. ends.Zip(ends.Skip(1)).Select(range => new MicroBatchTests.Part<float>(Cut(input, range), Cut(gradient, range)))];
            MicroBatchTests.Run(layer, batch, parts);
            float[] output = [.. parts.SelectMany(static part => part.Output.Span.ToArray())];
            float[] inputGradient = [.. parts.SelectMany(static part => part.InputGradient.Span.ToArray())];
            // The terms of a gradient of a parameter, which cancel each other in part.
            float terms = TensorPrimitives.SumOfMagnitudes<float>(gradient.Span);
            return AreNear(output, whole.Forward(input).Span)
                && AreNear(inputGradient, whole.Backward(gradient).Span)
                && AreNear(layer.RunningMean!.Span, whole.RunningMean!.Span)
                && AreNear(layer.RunningVariance!.Span, whole.RunningVariance!.Span)
                && AreNear(layer.Weight!.Gradient.Span, whole.Weight!.Gradient.Span, terms)
                && AreNear(layer.Bias!.Gradient.Span, whole.Bias!.Gradient.Span, terms);

            Tensor<float> Cut(Tensor<float> tensor, (int Start, int End) range)
            {
                int element = drawn.c * drawn.s;
                return new(tensor.Memory[(range.Start * element)..(range.End * element)], range.End - range.Start, drawn.c, drawn.s);
            }

            // In units of the largest value, or of the terms: the parts are summed in double, the whole is summed in float.
            static bool AreNear(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, float terms = 0)
            {
                float scale = Math.Max(terms, Math.Abs(TensorPrimitives.MaxMagnitude(expected)));
                for (int i = 0; i < expected.Length; i++)
                {
                    if (!(Math.Abs(actual[i] - expected[i]) <= 2 * (MathF.BitIncrement(scale) - scale)))
                        return false;
                }
                return true;
            }
        });

    /// <summary>Against the formulas over all elements, by a library that is not this one.</summary>
    [Fact]
    public void A_recalibration_has_the_statistics_of_the_population_however_it_is_cut_into_batches() => Property.Holds(
        from channels in Gen.Choose(1, 5)
        from sizes in Gen.Choose(1, 9).ListOf(6)
        from s in Gen.Choose(2, 40)
        from order in Property.Seeds
        select (channels, sizes, s, order),
        static drawn =>
        {
            Tensor<double>[] batches = [.. drawn.sizes.Select((n, i) => Sample<double>.Normal([n, drawn.channels, drawn.s], 30 + i, 10 * i, 1 + i))];
            double[][] elements = [.. Enumerable.Range(0, drawn.channels).Select(channel => batches.SelectMany(batch =>
                Enumerable.Range(0, batch.Length).Where(i => i / drawn.s % drawn.channels == channel).Select(i => batch.Span[i])).ToArray())];
            double[] mean = [.. elements.Select(ArrayStatistics.Mean)], variance = [.. elements.Select(ArrayStatistics.Variance)];
            new Random(drawn.order).Shuffle(batches);
            var layer = new BatchNorm1d<double>(drawn.channels);
            using Recalibration<double> recalibration = layer.Recalibrate();
            foreach (Tensor<double> batch in batches)
                layer.Forward(batch);
            recalibration.Complete();
            return Values.Distance(layer.RunningMean!.Span, mean, 1) < 1e-13 && Values.Distance(layer.RunningVariance!.Span, variance) < 1e-13;
        });

    [Fact]
    public void A_recalibration_of_one_batch_is_training_with_momentum_one() => Property.Holds(
        from item in Property.Tracking from isTraining in Gen.Elements(true, false) select (item, isTraining),
        static drawn =>
        {
            Sample<float> trained = new(drawn.item with { Momentum = 1 }), seen = new(drawn.item);
            trained.Layer.Forward(trained.Input, trained.Output);
            seen.Layer.Train(drawn.isTraining);
            using Recalibration<float> recalibration = seen.Running!.Recalibrate();
            seen.Layer.Forward(seen.Input, seen.Output);
            recalibration.Complete();
            return Values.Bits(seen.Output).SequenceEqual(Values.Bits(trained.Output))
                && Values.Distance(Values.Doubles(seen.Running.RunningMean), Values.Doubles(trained.Running!.RunningMean), 1) < 1e-7
                && Values.Distance(Values.Doubles(seen.Running.RunningVariance), Values.Doubles(trained.Running.RunningVariance)) < 1e-7;
        });
}
