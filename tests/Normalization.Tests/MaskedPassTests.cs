namespace Normalization.Tests;

/// <summary>Valid positions together with all else that a pass may have: terms, frozen parts, ranks, primitives, and what is refused.</summary>
[Collection(nameof(ProcessWide))]
public sealed partial class MaskedPassTests
{
    private static readonly Case[] _cases =
    [
        new(Kind.Batch, 4, 3, 300) { Track = true, Activation = Activation.Silu }, new(Kind.Batch, 5, 4, 9) { Activation = Activation.None },
        new(Kind.Group, 4, 6, 40) { Groups = 3, Activation = Activation.Gelu }, new(Kind.Instance, 4, 3, 21) { Activation = Activation.GeluTanh },
        new(Kind.Batch, 12, 5) { Activation = Activation.Relu },
    ];

    public static TheoryData<int, Telling> All
    {
        get
        {
            var data = new TheoryData<int, Telling>();
            for (int i = 0; i < _cases.Length; i++)
            {
                foreach (Telling telling in Enum.GetValues<Telling>())
                    data.Add(i, telling);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_terms_are_those_of_a_pass_on_the_sum_with_garbage_elsewhere(int index, Telling telling)
    {
        foreach ((bool isTraining, bool isModulated) in ((bool, bool)[])[(true, true), (false, true), (true, false), (false, false)])
        {
            Fused fused = new(_cases[index], telling, isModulated: isModulated);
            Fused clean = new(_cases[index], telling, garbage: false, isModulated);
            fused.Run(isTraining);
            clean.Run(isTraining);
            fused.Bits().Should().Equal(clean.Bits());
            fused.Composed(isTraining).Should().BeLessThan(1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_gradients_give_the_slope_of_the_loss(int index, Telling telling)
    {
        const double step = 1e-5;
        foreach (bool isTraining in (bool[])[true, false])
        {
            // The slope of a ReLU jumps.
            Case item = _cases[index] with { Activation = _cases[index].Activation == Activation.Relu ? Activation.Silu : _cases[index].Activation };
            Fused fused = new(item, telling, garbage: false);
            fused.Run(isTraining);
            double expected = 0, size = 0;
            foreach ((Tensor<double> value, Tensor<double> gradient, int seed) in fused.Variables)
            {
                double[] direction = Normals.Of(value.Length, seed);
                for (int i = 0; i < value.Length; i++)
                {
                    expected += direction[i] * gradient.Span[i];
                    size += Math.Abs(direction[i] * gradient.Span[i]);
                }
            }
            double slope = (Loss(step) - Loss(-step)) / (2 * step);
            slope.Should().BeApproximately(expected, 1e-6 * (size + 1));

            double Loss(double distance)
            {
                Fused moved = new(item, telling, garbage: false);
                foreach ((Tensor<double> value, _, int seed) in moved.Variables)
                {
                    double[] direction = Normals.Of(value.Length, seed);
                    for (int i = 0; i < value.Length; i++)
                        value.Span[i] += distance * direction[i];
                }
                moved.Forward(isTraining);
                double loss = 0;
                for (int i = 0; i < item.Length; i++)
                    loss += (moved.Masked.Sample.Output.Span[i] * moved.Masked.Sample.OutputGradient.Span[i]) + (moved.Sum.Span[i] * moved.SumGradient.Span[i]);
                return loss;
            }
        }
    }

    [Theory]
    [InlineData(Telling.Lengths, 3)]
    [InlineData(Telling.Mask, 3)]
    [InlineData(Telling.Weights, 3)]
    [InlineData(Telling.Weights, 300)]
    [InlineData(Telling.Lengths, 300)]
    public void Ranks_with_different_numbers_of_valid_positions_are_one_batch(Telling telling, int s)
    {
        Case item = new(Kind.Batch, 6, 3, s) { Track = true };
        MaskedSample<double> whole = new MaskedSample<double>(item, telling).Run();
        int[] starts = [0, 1, 2, 4, 6];
        Ranks.OnEachOf(4, ranks =>
        {
            // The second rank has one sample without a valid position.
            (int first, int count) = (starts[ranks.Rank], starts[ranks.Rank + 1] - starts[ranks.Rank]);
            MaskedSample<double> same = new(item, telling);
            var layer = (BatchNorm1d<double>)same.Sample.Layer;
            layer.Synchronize(ranks);
            Tensor<double> x = Part(same.Sample.Input), dy = Part(same.Sample.OutputGradient), y = new(x.Shape), dx = new(x.Shape);
            Tensor<double> weights = new(count, s);
            same.Weights.Span.Slice(first * s, count * s).CopyTo(weights.Span);
            ForwardOptions<double> options = telling == Telling.Lengths
                ? new() { Lengths = same.Lengths.AsMemory(first, count) }
                : new() { Weights = weights };
            layer.Forward(x, y, options);
            layer.Backward(dy, dx);
            Values.Distance(Values.Doubles(y), Values.Doubles(Part(whole.Sample.Output)), 1).Should().BeLessThan(1e-12);
            Values.Distance(Values.Doubles(dx), Values.Doubles(Part(whole.Sample.InputGradient)), 1).Should().BeLessThan(1e-12);
            Values.Distance(Values.Doubles(layer.RunningVariance), Values.Doubles(whole.Sample.Running!.RunningVariance)).Should().BeLessThan(1e-12);
            ranks.AllReduceGradients(layer.Parameters, average: false);
            Values.Distance(Values.Doubles(layer.Weight!.Gradient), Values.Doubles(whole.Sample.Layer.Weight!.Gradient), 1).Should().BeLessThan(1e-12);

            Tensor<double> Part(Tensor<double> tensor)
            {
                Tensor<double> part = new(count, 3, s);
                tensor.Span.Slice(first * 3 * s, part.Length).CopyTo(part.Span);
                return part;
            }
        });
    }

    [Theory]
    [InlineData(Telling.Lengths)]
    [InlineData(Telling.Mask)]
    [InlineData(Telling.Weights)]
    public void Ranks_take_a_skip_and_an_activation_back_as_one_batch_does(Telling telling)
    {
        Case item = new(Kind.Batch, 4, 3, 20) { Track = true, Activation = Activation.Silu };
        (double[] expected, double[] expectedSkip) = Gradients(null, 0, 4);
        Ranks.OnEachOf(2, ranks =>
        {
            (double[] gradient, double[] skip) = Gradients(ranks, ranks.Rank * 2, 2);
            Values.Distance(gradient, expected.AsSpan(ranks.Rank * 120, 120).ToArray(), 1).Should().BeLessThan(1e-12);
            Values.Distance(skip, expectedSkip.AsSpan(ranks.Rank * 120, 120).ToArray(), 1).Should().BeLessThan(1e-12);
        });

        (double[] Input, double[] Skip) Gradients(ICollective? ranks, int first, int count)
        {
            MaskedSample<double> whole = new(item, telling);
            var layer = (BatchNorm1d<double>)whole.Sample.Layer;
            if (ranks is not null)
                layer.Synchronize(ranks);
            Tensor<double> x = Part(whole.Sample.Input), skip = Part(Sample<double>.Normal(item.Shape, 11, 0, 1)), weights = new(count, 20);
            Tensor<double> dx = new(x.Shape), skipGradient = new(x.Shape);
            ForwardContext<double> context = new();
            whole.Weights.Span.Slice(first * 20, count * 20).CopyTo(weights.Span);
            layer.Forward(x, new Tensor<double>(x.Shape), new ForwardOptions<double> { Context = context, Skip = skip, Weights = weights });
            layer.Backward(
                Part(whole.Sample.OutputGradient), dx, new BackwardOptions<double> { Context = context, SkipGradient = skipGradient });
            return (Values.Doubles(dx), Values.Doubles(skipGradient));

            Tensor<double> Part(Tensor<double> tensor)
            {
                Tensor<double> part = new(count, 3, 20);
                tensor.Span.Slice(first * 60, part.Length).CopyTo(part.Span);
                return part;
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Primitives_give_the_bits_of_the_layer(int index, Telling telling)
    {
        Case item = _cases[index] with { Track = false };
        MaskedSample<float> layer = new MaskedSample<float>(item, telling).Run(), spans = new(item, telling);
        NormalizationPlan plan = item.Kind == Kind.Batch
            ? NormalizationPlan.Batch(item.N, item.C, item.S)
            : NormalizationPlan.Groups(item.N, item.C, item.S, item.Kind == Kind.Instance ? item.C : item.Groups);
        Sample<float> sample = spans.Sample;
        double[] mean = new double[plan.GroupCount], r = new double[plan.GroupCount];
        ForwardOptions<float> options = spans.Options;
        NormalizationPrimitives.FusedForward(
            plan, sample.Input.Span, sample.Layer.Weight!.Value.Span, sample.Layer.Bias!.Value.Span, item.Epsilon,
            new ForwardTerms<float> { Lengths = options.Lengths.Span, Mask = options.Mask.Span, Weights = options.Weights is null ? [] : options.Weights.Span },
            item.Activation, sample.Output.Span, mean, r);
        NormalizationPrimitives.FusedGradient(
            plan, sample.Input.Span, sample.OutputGradient.Span, sample.Layer.Weight!.Value.Span, sample.Layer.Bias!.Value.Span,
            new BackwardTerms<float> { Lengths = options.Lengths.Span, Mask = options.Mask.Span, Weights = options.Weights is null ? [] : options.Weights.Span },
            item.Activation, sample.InputGradient.Span, sample.Layer.Weight.Gradient.Span, sample.Layer.Bias.Gradient.Span, mean, r);
        Values.Bits(sample.Output).Should().Equal(Values.Bits(layer.Sample.Output));
        Values.Distance(Values.Doubles(sample.InputGradient), Values.Doubles(layer.Sample.InputGradient)).Should().BeLessThan(1e-6);
        Values.Distance(Values.Doubles(sample.Layer.Weight.Gradient), Values.Doubles(layer.Sample.Layer.Weight!.Gradient), 1).Should().BeLessThan(1e-6);
    }

    [Fact]
    public void A_repeated_pass_and_a_pass_that_the_layer_remembers_have_the_same_bits()
    {
        foreach (Telling telling in Enum.GetValues<Telling>())
        {
            Case item = new(Kind.Batch, 4, 3, 30) { Track = true };
            MaskedSample<float> expected = new MaskedSample<float>(item, telling).Run(), sample = new(item, telling);
            sample.Sample.Layer.Forward(sample.Sample.Input, sample.Sample.Output, sample.Options with { Context = null });
            sample.Sample.Layer.Backward(sample.Sample.OutputGradient, sample.Sample.InputGradient);
            sample.Sample.Bits().Should().Equal(expected.Sample.Bits());

            ForwardContext<float> context = expected.Sample.Context;
            context.IsRecomputation = true;
            expected.Sample.Output.Fill(0);
            expected.Sample.Layer.Forward(expected.Sample.Input, expected.Sample.Output, expected.Options);
            Values.Bits(expected.Sample.Output).Should().Equal(Values.Bits(sample.Sample.Output));
            FluentActions.Invoking(() => expected.Sample.Layer.Forward(expected.Sample.Input, expected.Sample.Output, context)).Should()
                .Throw<ArgumentException>().WithMessage("The forward pass had Lengths, Mask or Weights.*");
        }
    }

    [Fact]
    public void Frozen_statistics_and_frozen_parameters_stay_as_they_are()
    {
        Case item = new(Kind.Batch, 4, 3, 300) { Track = true };
        MaskedSample<double> sample = new(item, Telling.Lengths), evaluated = new MaskedSample<double>(item, Telling.Lengths).Run(isTraining: false);
        sample.Sample.Running!.UseRunningStatistics = true;
        sample.Sample.Layer.Weight!.RequiresGradient = false;
        sample.Run();
        Values.Bits(sample.Sample.Output).Should().Equal(Values.Bits(evaluated.Sample.Output));
        Values.Bits(sample.Sample.InputGradient).Should().Equal(Values.Bits(evaluated.Sample.InputGradient));
        sample.Sample.Layer.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void A_batch_without_a_valid_position_is_an_empty_batch()
    {
        var layer = new BatchNorm1d<float>(3) { Activation = Activation.Silu };
        Tensor<float> x = Tensor<float>.Full([2, 3, 4], float.NaN), y = Tensor<float>.Full(x.Shape, 5), dx = Tensor<float>.Full(x.Shape, 5);
        layer.Forward(x, y, new ForwardOptions<float> { Lengths = new int[2] });
        layer.Backward(x, dx);
        y.Span.ToArray().Concat(dx.Span.ToArray()).Should().OnlyContain(static value => value == 0);
        (layer.BatchesTracked, layer.RunningMean![0], layer.RunningVariance![0]).Should().Be((1, 0, 1));
        layer.Weight!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_changes_nothing()
    {
        var batch = new BatchNorm1d<float>(3);
        Tensor<float> x = Tensor<float>.RandomNormal([2, 3, 4], 1), y = new(2, 3, 4);
        Refuses<ArgumentException>(batch, new() { Lengths = new int[2], Mask = new bool[8] }, "Pass one of Lengths, Mask and Weights*");
        Refuses<ArgumentException>(batch, new() { Lengths = (int[])[1, 5] }, "Lengths must lie in [0, 4], got 5 for sample 1*");
        Refuses<ArgumentException>(batch, new() { Lengths = (int[])[1] }, "Lengths must have*2 elements, got 1*");
        Refuses<ArgumentException>(batch, new() { Mask = new bool[7] }, "Mask must have*8 elements, got 7*");
        Refuses<ArgumentException>(batch, new() { Weights = new(4, 2) }, "expected Weights [2, 4], got [4, 2]*");
        Refuses<ArgumentException>(batch, new() { Weights = Tensor<float>.Full([2, 4], -1) }, "Weights must be finite and at least 0, got -1 at position 0*");
        Refuses<ArgumentException>(batch, new() { Weights = Tensor<float>.Full([2, 4], float.NaN) }, "Weights must be finite*");
        Refuses<ArgumentException>(batch, new() { Lengths = (int[])[1, 0] }, "Batch statistics need more than one valid value per channel*");
        Refuses<ArgumentException>(new InstanceNorm1d<float>(3), new() { Lengths = (int[])[1, 4] }, "*sample 0 has one*");
        Refuses<NotSupportedException>(new LayerNorm<float>(4), new() { Lengths = (int[])[1, 4] }, "*mask the output*");
        Refuses<NotSupportedException>(new RmsNorm<float>(4), new() { Mask = new bool[24] }, "*mask the output*");
        Refuses<NotSupportedException>(new LocalResponseNorm<float>(3), new() { Lengths = (int[])[1, 4] }, "*mask the output*");
        Refuses<NotSupportedException>(new BatchNorm1d<float>(3) { VirtualBatchSize = 1 }, new() { Lengths = (int[])[2, 4] }, "Virtual batches take no*");
        Refuses<NotSupportedException>(new BatchRenorm<float>(3), new() { Lengths = (int[])[2, 4] }, "BatchRenorm takes no*");
        var parts = new MicroBatches<float>(batch);
        parts.Observe(x);
        Refuses<InvalidOperationException>(batch, new() { Context = new() { MicroBatches = parts }, Lengths = (int[])[2, 4] }, "*no Lengths, Mask or Weights*");
        using (Recalibration<float> recalibration = batch.Recalibrate())
            Refuses<NotSupportedException>(batch, new() { Weights = Tensor<float>.Full([2, 4], 0.5f) }, "A recalibration counts values*");
        batch.BatchesTracked.Should().Be(0);

        void Refuses<TException>(NormalizationLayer<float> layer, ForwardOptions<float> options, string message) where TException : Exception
        {
            y.Fill(9);
            FluentActions.Invoking(() => layer.Forward(x, y, options)).Should().Throw<TException>().WithMessage(message);
            y.Span.ToArray().Should().OnlyContain(static value => value == 9);
        }
    }

    [Fact]
    public void A_recalibration_counts_the_valid_values()
    {
        Case item = new(Kind.Batch, 4, 3, 30) { Track = true };
        MaskedSample<double> sample = new(item, Telling.Mask);
        sample.Sample.Running!.ResetRunningStatistics();
        (_, _, _, _, double[] mean, double[] variance) = sample.Expected(isTraining: true);
        using (Recalibration<double> recalibration = sample.Sample.Running.Recalibrate())
        {
            sample.Sample.Layer.Forward(sample.Sample.Input, sample.Sample.Output, sample.Options);
            recalibration.Complete();
        }
        for (int channel = 0; channel < 3; channel++)
        {
            sample.Sample.Running.RunningMean![channel].Should().BeApproximately(mean[channel] / 0.1, 1e-12);
            sample.Sample.Running.RunningVariance![channel].Should().BeApproximately((variance[channel] - 0.9) / 0.1, 1e-12);
        }
    }
}
