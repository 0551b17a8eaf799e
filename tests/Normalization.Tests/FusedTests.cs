using System.Numerics;

namespace Normalization.Tests;

/// <summary>A residual, an activation, a skip, a scale and a shift in the pass of the norm, beside the same steps one after another.</summary>
[Collection(nameof(Settings))]
public sealed class FusedTests
{
    private static readonly (Activation Activation, Terms Terms)[] _mixes =
    [
        (Activation.GeluTanh, Terms.All), (Activation.Relu, Terms.Residual), (Activation.Silu, Terms.Scale | Terms.Shift | Terms.ScaleIncludesOne),
        (Activation.Gelu, Terms.Skip), (Activation.None, Terms.Skip | Terms.Shift), (Activation.Relu, Terms.Skip), (Activation.Gelu, Terms.Scale),
        (Activation.None, Terms.Residual),
    ];

    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> Representative => Cases.Representative();

    public static TheoryData<string> Evaluation => Cases.Evaluation();

    [Theory]
    [MemberData(nameof(All))]
    public void Training_has_the_bits_of_the_steps_one_after_another(string name)
    {
        foreach ((Activation activation, Terms terms) in MixesFor(name))
        {
            Compare<float>(Cases.Named(name) with { Activation = activation }, terms, isTraining: true);
            Compare<double>(Cases.Named(name) with { Activation = activation }, terms, isTraining: true);
        }
    }

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Evaluation_has_the_bits_of_the_steps_one_after_another(string name)
    {
        foreach ((Activation activation, Terms terms) in MixesFor(name))
        {
            Compare<float>(Cases.Named(name) with { Activation = activation }, terms, isTraining: false);
            Compare<double>(Cases.Named(name) with { Activation = activation }, terms, isTraining: false);
        }
    }

    [Theory]
    [MemberData(nameof(Representative))]
    public void Values_beyond_the_range_of_the_type_take_the_same_steps(string name)
    {
        Case item = Cases.Named(name) with { Activation = Activation.Silu, Epsilon = 0 };
        CompareSamples(new FusedSample<float>(item, Terms.All, scale: 1e-33), isTraining: true);
        CompareSamples(new FusedSample<float>(item, Terms.All, scale: 1e33), isTraining: true);
    }

    [Theory]
    [MemberData(nameof(Representative))]
    public void Every_width_and_every_number_of_threads_gives_the_same_bits(string name)
    {
        SameBits<float>(Cases.Named(name) with { Activation = Activation.Gelu });
        SameBits<double>(Cases.Named(name) with { Activation = Activation.Gelu });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(12)]
    [InlineData(24)]
    public void Rows_of_a_sample_share_a_scale_and_a_shift(int samples)
    {
        var fused = new FusedSample<double>(new Case(Kind.Layer, 4, 3, 2, 517), Terms.Scale | Terms.Shift, samples);
        CompareSamples(fused, isTraining: true);
    }

    [Fact]
    public void The_sum_may_take_the_place_of_the_input_or_of_the_residual()
    {
        foreach (string name in (string[])["Batch [67, 19] tracking", "Layer [100, 773] over 1", "Group [5, 6, 17] groups 2", "Rms [100, 773] over 1 plain"])
        {
            FusedSample<float> expected = new FusedSample<float>(Cases.Named(name), Terms.Residual).Run();
            FusedSample<float> first = new(Cases.Named(name), Terms.Residual), second = new(Cases.Named(name), Terms.Residual);
            first.Layer.Layer.Forward(first.Layer.Input, first.Layer.Output, first.Forward with { Sum = first.Layer.Input });
            second.Layer.Layer.Forward(second.Layer.Input, second.Layer.Output, second.Forward with { Sum = second.Residual });
            foreach ((FusedSample<float> sample, Tensor<float> sum) in ((FusedSample<float>, Tensor<float>)[])[(first, first.Layer.Input), (second, second.Residual!)])
            {
                sum.Span.SequenceEqual(expected.Sum!.Span).Should().BeTrue();
                sample.Layer.Output.Span.SequenceEqual(expected.Layer.Output.Span).Should().BeTrue();
                sample.Layer.Context.Input.Should().BeSameAs(sum);
                sample.SumGradient!.CopyTo(sample.Layer.InputGradient);
                sample.Layer.Layer.Backward(
                    sample.Layer.OutputGradient, sample.Layer.InputGradient, sample.Backward with { SumGradient = sample.Layer.InputGradient });
                sample.Layer.InputGradient.Span.SequenceEqual(expected.Layer.InputGradient.Span).Should().BeTrue("in the place of the sum's gradient");
            }
        }
    }

    [Fact]
    public void Evaluation_needs_no_place_for_the_sum()
    {
        var expected = new FusedSample<double>(Cases.Named("Group [6, 64, 14, 14] groups 32") with { Activation = Activation.Silu }, Terms.All);
        FusedSample<double>.Composed composed = expected.Compose(isTraining: false);
        FusedSample<double> sample = new(expected.Layer.Case, Terms.All);
        sample.Layer.Layer.Eval();
        ForwardOptions<double> options = sample.Forward with { Context = null, Sum = null };
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, options);
        sample.Layer.Output.Span.SequenceEqual(composed.Output).Should().BeTrue();
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Input, options);
        sample.Layer.Input.Span.SequenceEqual(composed.Output).Should().BeTrue("in the place of the input");
    }

    [Fact]
    public void The_input_gradient_may_take_the_place_of_the_output_gradient()
    {
        FusedSample<float> expected = new FusedSample<float>(Cases.Named("Layer [100, 773] over 1") with { Activation = Activation.Gelu }, Terms.All).Run();
        var sample = new FusedSample<float>(expected.Layer.Case, Terms.All);
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, sample.Forward);
        sample.Layer.Layer.Backward(sample.Layer.OutputGradient, sample.Layer.OutputGradient, sample.Backward);
        sample.Layer.OutputGradient.Span.SequenceEqual(expected.Layer.InputGradient.Span).Should().BeTrue();
        sample.ScaleGradient!.Span.SequenceEqual(expected.ScaleGradient!.Span).Should().BeTrue();
    }

    [Fact]
    public void A_layer_remembers_its_own_pass_with_the_terms()
    {
        FusedSample<double> expected = new FusedSample<double>(Cases.Named("Batch [67, 19] tracking") with { Activation = Activation.Relu }, Terms.All).Run();
        var sample = new FusedSample<double>(expected.Layer.Case, Terms.All);
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, sample.Forward with { Context = null });
        sample.Layer.Layer.Backward(sample.Layer.OutputGradient, sample.Layer.InputGradient, sample.Backward with { Context = null });
        sample.Bits().Should().Equal(expected.Bits());
    }

    [Fact]
    public void Plain_passes_of_a_layer_with_an_activation_apply_it()
    {
        var expected = new FusedSample<float>(Cases.Named("Batch [8, 33, 7, 7] tracking") with { Activation = Activation.Relu }, Terms.None);
        FusedSample<float>.Composed composed = expected.Compose();
        Sample<float> sample = new Sample<float>(expected.Layer.Case).Run();
        sample.Output.Span.SequenceEqual(composed.Output).Should().BeTrue();
        sample.InputGradient.Span.SequenceEqual(expected.Plain.InputGradient.Span).Should().BeTrue();
        sample.Output.Span.ToArray().Should().Contain(0);
    }

    [Fact]
    public void Frozen_statistics_and_frozen_parameters_stay_as_they_are()
    {
        Case item = Cases.Named("Batch [8, 67, 14, 14] tracking") with { Activation = Activation.Silu };
        FusedSample<float> fused = new(item, Terms.All);
        fused.Layer.Running!.UseRunningStatistics = fused.Plain.Running!.UseRunningStatistics = true;
        fused.Layer.Layer.Weight!.RequiresGradient = fused.Plain.Layer.Weight!.RequiresGradient = false;
        CompareSamples(fused, isTraining: true);
        fused.Layer.Layer.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void Ranks_compute_what_one_process_computes()
    {
        const int Half = 5;
        FusedSample<double> whole = new FusedSample<double>(new Case(Kind.Batch, 2 * Half, 3, 11) { Track = true, Activation = Activation.Gelu }, Terms.All).Run();
        var parts = new FusedSample<double>[2];
        Ranks.OnEachOf(2, ranks =>
        {
            var part = new FusedSample<double>(whole.Layer.Case with { Shape = [Half, 3, 11] }, Terms.All);
            parts[ranks.Rank] = part;
            Copy(whole.Layer.Input, part.Layer.Input);
            Copy(whole.Layer.OutputGradient, part.Layer.OutputGradient);
            foreach ((Tensor<double>? from, Tensor<double>? to) in ((Tensor<double>?, Tensor<double>?)[])
                [(whole.Residual, part.Residual), (whole.Skip, part.Skip), (whole.Scale, part.Scale), (whole.Shift, part.Shift), (whole.SumGradient, part.SumGradient)])
            {
                Copy(from!, to!);
            }
            ((BatchNorm<double>)part.Layer.Layer).Synchronize(ranks);
            part.Run();

            void Copy(Tensor<double> from, Tensor<double> to) => from.Span.Slice(ranks.Rank * to.Length, to.Length).CopyTo(to.Span);
        });
        RequireParts(static sample => sample.Layer.Output);
        RequireParts(static sample => sample.Layer.InputGradient);
        RequireParts(static sample => sample.Sum!);
        RequireParts(static sample => sample.SkipGradient!);
        RequireParts(static sample => sample.ScaleGradient!);
        RequireParts(static sample => sample.ShiftGradient!);

        void RequireParts(Func<FusedSample<double>, Tensor<double>> of) =>
            Values.Distance((double[])[.. of(parts[0]).Span, .. of(parts[1]).Span], Values.Doubles(of(whole))).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void A_weight_offset_is_added_to_the_weight()
    {
        var plain = new RmsNorm<float>(7);
        var offset = new RmsNorm<float>(7) { WeightOffset = 1 };
        offset.Weight!.Value.Span.ToArray().Should().OnlyContain(static value => value == 0);
        Tensor<float> x = Tensor<float>.RandomNormal([5, 7], 1), dy = Tensor<float>.RandomNormal([5, 7], 2);
        plain.Forward(x).Span.SequenceEqual(offset.Forward(x).Span).Should().BeTrue();
        for (int i = 0; i < 7; i++)
        {
            offset.Weight.Value.Span[i] = i / 8f;
            plain.Weight!.Value.Span[i] = 1 + (i / 8f);
        }
        plain.Forward(x).Span.SequenceEqual(offset.Forward(x).Span).Should().BeTrue();
        plain.Backward(dy).Span.SequenceEqual(offset.Backward(dy).Span).Should().BeTrue();
        plain.Weight!.Gradient.Span.SequenceEqual(offset.Weight.Gradient.Span).Should().BeTrue();
        offset.ResetParameters();
        offset.Weight.Value.Span.ToArray().Should().OnlyContain(static value => value == 0);
        offset.ToString().Should().Contain("weightOffset: 1");
        new LayerNorm<double>(7) { WeightOffset = 0.5 }.Weight!.Value.Span[0].Should().Be(0.5);
        FluentActions.Invoking(static () => new LayerNorm<double>(7, elementwiseAffine: false) { WeightOffset = 1 }).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(static () => new RmsNorm<double>(7) { WeightOffset = double.NaN }).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Rows_go_through_without_a_tensor()
    {
        LayerNorm<float> layer = new((ReadOnlySpan<int>)[2, 3]);
        Tensor<float> x = Tensor<float>.RandomNormal([4, 2, 3], 1), expected = layer.Forward(x);
        FluentActions.Invoking(() => layer.Forward(x.Span.ToArray(), new float[24])).Should().Throw<InvalidOperationException>();
        layer.Eval();
        float[] y = x.Span.ToArray();
        layer.Forward(y, y);
        y.Should().Equal(expected.Span.ToArray());
        FluentActions.Invoking(() => layer.Forward(new float[25], new float[25])).Should().Throw<ArgumentException>().WithMessage("*rows of 6 elements, got 25*");
    }

    private static IEnumerable<(Activation Activation, Terms Terms)> MixesFor(string name) =>
        Cases.Named(name).Length < 2000 ? _mixes : _mixes[..3];

    private static void Compare<T>(Case item, Terms terms, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        CompareSamples(new FusedSample<T>(item, terms), isTraining);

    private static void CompareSamples<T>(FusedSample<T> sample, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        FusedSample<T>.Composed composed = sample.Compose(isTraining);
        sample.Run(isTraining);
        double limit = typeof(T) == typeof(float) ? 1e-6 : 1e-13;
        SameValues(sample.Layer.Output.Span, composed.Output, "output");
        SameValues(sample.Layer.InputGradient.Span, sample.Plain.InputGradient.Span, "input gradient");
        if (sample.Sum is not null)
            SameValues(sample.Sum.Span, sample.Plain.Input.Span, "sum");
        if (sample.SkipGradient is not null)
            SameValues(sample.SkipGradient.Span, composed.SkipGradient, "skip gradient");
        if (sample.ScaleGradient is not null)
            Values.Distance(Values.Doubles(sample.ScaleGradient), composed.ScaleGradient, floor: 1).Should().BeLessThanOrEqualTo(limit);
        if (sample.ShiftGradient is not null)
            Values.Distance(Values.Doubles(sample.ShiftGradient), composed.ShiftGradient, floor: 1).Should().BeLessThanOrEqualTo(limit);
        for (int i = 0; i < sample.Layer.Layer.Parameters.Count; i++)
            SameValues(sample.Layer.Layer.Parameters[i].Gradient.Span, sample.Plain.Layer.Parameters[i].Gradient.Span, "parameter gradient");
        if (sample.Layer.Running?.RunningVariance is Tensor<T> running)
            SameValues(running.Span, sample.Plain.Running!.RunningVariance!.Span, "running variance");
    }

    private static void SameValues<T>(ReadOnlySpan<T> actual, ReadOnlySpan<T> expected, string what) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        actual.Length.Should().Be(expected.Length);
        int i = 0;
        while (i < expected.Length && actual[i].Equals(expected[i]))
            i++;
        (i == expected.Length ? "" : $"{actual[i]} and {expected[i]} at {i} of the {what}").Should().BeEmpty();
    }

    private static void SameBits<T>(Case item) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[]? expected = null;
        foreach ((int width, int degree) in ((int, int)[])[(128, 1), (256, 2), (512, 3), (256, 16)])
        {
            using Setting first = Setting.Width(width), second = Setting.Degree(degree);
            long[] bits = new FusedSample<T>(item, Terms.All).Run().Bits();
            bits.AsSpan().SequenceEqual(expected ??= bits).Should().BeTrue("of {0} bits and {1} threads", width, degree);
        }
    }
}
