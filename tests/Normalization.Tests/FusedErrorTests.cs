namespace Normalization.Tests;

/// <summary>What a fused pass refuses: one clear error each, before anything is written.</summary>
public sealed class FusedErrorTests
{
    private const int N = 4, C = 3, S = 5;

    private readonly BatchNorm1d<float> _batch = new(C) { Activation = Activation.Relu };
    private readonly LayerNorm<float> _rows = new(S);
    private readonly Tensor<float> _x = Tensor<float>.RandomNormal([N, C, S], 1);
    private readonly Tensor<float> _y = new(N, C, S);
    private readonly Tensor<float> _other = Tensor<float>.RandomNormal([N, C, S], 2);

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        Refused(new() { Residual = new(N, C), Sum = new(N, C) }, "expected Residual [4, 3, 5], got [4, 3]*");
        Refused(new() { Residual = _other, Sum = new(N, C * S) }, "expected Sum [4, 3, 5], got [4, 15]*");
        Refused(new() { Skip = new(N, S, C) }, "expected Skip [4, 3, 5], got [4, 5, 3]*");
        Refused(new() { Scale = new(C, N) }, "expected Scale [4, 3], got [3, 4]*");
        Refused(new() { Shift = new(C) }, "expected Shift [4, 3], got [3]*");
        FluentActions.Invoking(() => _rows.Forward(_x, _y, new ForwardOptions<float> { Scale = new(3, S) })).Should().Throw<ArgumentException>()
            .WithMessage("expected Scale [samples, 5], where the samples are the first dimensions of the input [4, 3, 5], got [3, 5]*");
        FluentActions.Invoking(() => _rows.Forward(_x, _y, new ForwardOptions<float> { Scale = new(4, S), Shift = new(12, S) })).Should()
            .Throw<ArgumentException>().WithMessage("expected Shift [4, 5], got [12, 5]*");
    }

    [Fact]
    public void A_sum_belongs_to_a_residual_and_a_backward_pass_needs_it()
    {
        Refused(new() { Sum = _other }, "Sum is written only where there is a Residual*");
        Refused(new() { Residual = _other }, "The backward pass needs the sum of the input and Residual: pass Sum*");
        _batch.Eval();
        _batch.Forward(_x, _y, new ForwardOptions<float> { Residual = _other });
    }

    [Fact]
    public void Layers_that_cannot_take_terms_refuse_them_instead_of_ignoring_them()
    {
        foreach (NormalizationLayer<float> layer in (NormalizationLayer<float>[])[new BatchRenorm<float>(C), new LocalResponseNorm<float>(2)])
        {
            FluentActions.Invoking(() => layer.Forward(_x, _y, new ForwardOptions<float> { Skip = _other })).Should()
                .Throw<NotSupportedException>().WithMessage($"{layer.GetType().Name[..^2]} takes no residual, skip, scale, shift or activation*");
        }
        FluentActions.Invoking(() => new BatchRenorm<float>(C) { Activation = Activation.Relu }.Forward(_x, _y)).Should()
            .Throw<NotSupportedException>().WithMessage("BatchRenorm takes no*");
        var renorm = new BatchRenorm<float>(C) { Activation = Activation.Relu };
        renorm.Eval();
        renorm.Forward(_x, _y);
    }

    [Fact]
    public void Primitives_refuse_a_plan_of_windows_whether_or_not_there_are_terms()
    {
        NormalizationPlan windows = NormalizationPlan.Windows(N, C, S, size: 3, alpha: 1e-4, beta: 0.75, k: 1);
        float[] x = _x.Span.ToArray(), y = new float[x.Length], none = [];
        double[] saved = [];
        Action[] calls =
        [
            () => NormalizationPrimitives.FusedForward<float>(windows, x, none, none, 1e-5, default, Activation.Relu, y, saved, saved),
            () => NormalizationPrimitives.FusedInference<float>(windows, x, none, none, 1e-5, default, Activation.None, y, none, none),
            () => NormalizationPrimitives.FusedGradient<float>(
                windows, x, x, none, none, default, Activation.None, y, none, none, saved, saved),
        ];
        foreach (Action call in calls)
            call.Should().Throw<NotSupportedException>().WithMessage("A plan of windows takes no residual*");
        y.Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void Memory_that_overlaps_is_refused()
    {
        var block = new Tensor<float>((N * C * S) + 1);
        Tensor<float> first = new(block.Memory[..^1], N, C, S), second = new(block.Memory[1..], N, C, S);
        Refused(new() { Skip = _y }, "output must not overlap Skip*");
        Refused(new() { Residual = _other, Sum = _y }, "Sum must not overlap output*");
        Refused(new() { Residual = first, Sum = second }, "Sum partly overlaps Residual*");
        Refused(new() { Residual = _other, Sum = _other, Skip = _other }, "Sum must not overlap Skip*");
        Refused(new() { Residual = _other, Sum = new(_batch.RunningMean!.Memory.Length) }, "expected Sum*");
        _batch.Forward(_x, _y, new ForwardOptions<float> { Skip = _other });
        FluentActions.Invoking(() => _batch.Backward(_y, _other, default(BackwardOptions<float>))).Should().Throw<ArgumentException>()
            .WithMessage("inputGradient must not overlap Skip*");
        Tensor<float> dx = new(N, C, S);
        FluentActions.Invoking(() => _batch.Backward(_y, dx, new BackwardOptions<float> { SkipGradient = dx })).Should().Throw<ArgumentException>()
            .WithMessage("SkipGradient must not overlap inputGradient*");
        FluentActions.Invoking(() => _batch.Backward(_y, dx, new BackwardOptions<float> { SkipGradient = _x })).Should().Throw<ArgumentException>()
            .WithMessage("SkipGradient must not overlap the input*");
    }

    [Fact]
    public void Gradients_of_terms_that_were_not_there_are_refused()
    {
        _batch.Forward(_x, _y, new ForwardOptions<float> { Scale = new(N, C) });
        foreach ((BackwardOptions<float> options, string name) in ((BackwardOptions<float>, string)[])
            [(new() { SkipGradient = _y }, "Skip"), (new() { ShiftGradient = new(N, C) }, "Shift")])
        {
            FluentActions.Invoking(() => _batch.Backward(_other, new(N, C, S), options)).Should().Throw<ArgumentException>()
                .WithMessage($"The forward pass had no {name}, which could have a gradient*");
        }
        FluentActions.Invoking(() => _batch.Backward(_other, new(N, C, S), new BackwardOptions<float> { ScaleGradient = new(C, N) })).Should()
            .Throw<ArgumentException>().WithMessage("expected ScaleGradient [4, 3], got [3, 4]*");
    }

    [Fact]
    public void A_backward_pass_on_spans_needs_the_terms_again()
    {
        var context = new ForwardContext<float>();
        float[] skip = _other.Span.ToArray();
        _batch.Forward(_x, _y.AsTensorSpan(), new ForwardTerms<float> { Skip = skip }, context);
        FluentActions.Invoking(() => _batch.Backward(_x, _y, new Tensor<float>(N, C, S).AsTensorSpan(), context)).Should()
            .Throw<ArgumentException>().WithMessage("The forward pass had Skip. Pass the same values to Backward*");
        FluentActions.Invoking(() => _batch.Backward(
            _x, _y, new Tensor<float>(N, C, S).AsTensorSpan(), new BackwardTerms<float> { Skip = skip, Scale = new float[N * C] }, context)).Should()
            .Throw<ArgumentException>().WithMessage("The forward pass had no Scale, and this pass has one*");
        FluentActions.Invoking(() => _batch.Forward(_x, _y.AsTensorSpan(), default(ForwardTerms<float>))).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Spans_with_terms_have_the_bits_of_tensors()
    {
        var sample = new FusedSample<float>(Cases.Named("Batch [2, 3, 14, 14] tracking") with { Activation = Activation.Gelu }, Terms.All);
        sample.Run();
        FusedSample<float> spans = new(sample.Layer.Case, Terms.All);
        spans.Layer.Layer.Forward(
            spans.Layer.Input,
            spans.Layer.Output.AsTensorSpan(),
            new ForwardTerms<float> { Residual = spans.Residual!.Span, Sum = spans.Sum!.Span, Skip = spans.Skip!.Span, Scale = spans.Scale!.Span, Shift = spans.Shift!.Span },
            spans.Layer.Context);
        spans.Layer.Layer.Backward(
            spans.Sum,
            spans.Layer.OutputGradient,
            spans.Layer.InputGradient.AsTensorSpan(),
            new BackwardTerms<float>
            {
                Skip = spans.Skip.Span,
                Scale = spans.Scale.Span,
                Shift = spans.Shift.Span,
                SumGradient = spans.SumGradient!.Span,
                SkipGradient = spans.SkipGradient!.Span,
                ScaleGradient = spans.ScaleGradient!.Span,
                ShiftGradient = spans.ShiftGradient!.Span,
            },
            spans.Layer.Context);
        spans.Bits().Should().Equal(sample.Bits());
    }

    [Fact]
    public void The_primitives_have_the_bits_of_the_layers()
    {
        var sample = new FusedSample<double>(Cases.Named("Batch [2, 3, 14, 14] tracking") with { Activation = Activation.Gelu }, Terms.All);
        sample.Run();
        FusedSample<double> other = new(sample.Layer.Case, Terms.All);
        (Case item, double[] mean, double[] rstd) = (other.Layer.Case, new double[3], new double[3]);
        NormalizationPlan plan = NormalizationPlan.Batch(item.N, item.C, item.S);
        ReadOnlySpan<double> weight = other.Layer.Layer.Weight!.Value.Span, bias = other.Layer.Layer.Bias!.Value.Span;
        NormalizationPrimitives.FusedForward(
            plan, other.Layer.Input.Span, weight, bias, 1e-5,
            new ForwardTerms<double> { Residual = other.Residual!.Span, Sum = other.Sum!.Span, Skip = other.Skip!.Span, Scale = other.Scale!.Span, Shift = other.Shift!.Span },
            Activation.Gelu, other.Layer.Output.Span, mean, rstd);
        other.Layer.Output.Span.SequenceEqual(sample.Layer.Output.Span).Should().BeTrue();
        BackwardTerms<double> terms = new()
        {
            Skip = other.Skip.Span,
            Scale = other.Scale.Span,
            Shift = other.Shift.Span,
            SumGradient = other.SumGradient!.Span,
            SkipGradient = other.SkipGradient!.Span,
            ScaleGradient = other.ScaleGradient!.Span,
        };
        NormalizationPrimitives.FusedGradient(
            plan, other.Sum.Span, other.Layer.OutputGradient.Span, weight, bias, terms, Activation.Gelu, other.Layer.InputGradient.Span,
            other.Layer.Layer.Weight.Gradient.Span, other.Layer.Layer.Bias.Gradient.Span, mean, rstd);
        Values.Distance(other.Layer.InputGradient.Span, sample.Layer.InputGradient.Span).Should().BeLessThan(1e-12);
        Values.Distance(other.ScaleGradient.Span, sample.ScaleGradient!.Span).Should().BeLessThan(1e-12);

        double[] variance = [2, 3, 4], y = new double[item.Length], z = new double[item.Length];
        NormalizationPrimitives.FusedInference(
            plan, other.Layer.Input.Span, weight, bias, 1e-5, new ForwardTerms<double> { Skip = other.Skip.Span }, Activation.None, y, mean, variance);
        NormalizationPrimitives.BatchNormInference<double>(other.Layer.Input.Span, item.N, item.C, item.S, weight, bias, 1e-5, z, mean, variance);
        for (int i = 0; i < y.Length; i++)
            y[i].Should().Be(z[i] + other.Skip.Span[i]);
    }

    [Fact]
    public void The_primitives_refuse_what_does_not_fit()
    {
        NormalizationPlan rows = NormalizationPlan.Rows(6, 4);
        float[] x = new float[24], y = new float[24];
        FluentActions.Invoking(() => NormalizationPrimitives.FusedForward(
            rows, x, [], [], 0, new ForwardTerms<float> { Scale = new float[16] }, Activation.None, y, [], [])).Should().Throw<ArgumentException>()
            .WithMessage("Scale must be [samples, 4] for 6 rows that the samples share equally, got 16 elements*");
        FluentActions.Invoking(() => NormalizationPrimitives.FusedForward(rows, x, [], [], 0, default, (Activation)9, y, [], [])).Should()
            .Throw<ArgumentOutOfRangeException>().WithMessage("There is no activation 9*");
        FluentActions.Invoking(() => NormalizationPrimitives.FusedInference<float>(rows, x, [], [], 0, default, Activation.None, y, [], [])).Should()
            .Throw<NotSupportedException>();
    }

    [Fact]
    public void An_activation_that_does_not_exist_is_refused_and_a_layer_with_one_does_not_fold()
    {
        FluentActions.Invoking(static () => new GroupNorm<float>(1, 2) { Activation = (Activation)7 }).Should().Throw<ArgumentOutOfRangeException>();
        _batch.Eval();
        FluentActions.Invoking(() => _batch.Fold()).Should().Throw<InvalidOperationException>().WithMessage("*activation Relu*");
        _batch.ToString().Should().EndWith(", activation: Relu)");
    }

    [Fact]
    public void Parts_of_a_batch_take_no_activation_and_no_terms()
    {
        var batch = new MicroBatches<float>(_batch);
        batch.Observe(_x);
        FluentActions.Invoking(() => _batch.Forward(_x, _y, new ForwardContext<float> { MicroBatches = batch })).Should().Throw<InvalidOperationException>()
            .WithMessage("MicroBatches observe what goes into the norm*");
    }

    [Fact]
    public void Virtual_batches_take_all_terms()
    {
        BatchNorm1d<float> whole = new(C) { Activation = Activation.Gelu, VirtualBatchSize = 2 }, part = new(C) { Activation = Activation.Gelu };
        ForwardOptions<float> options = new() { Residual = _other, Sum = new(N, C, S), Skip = _x.Clone(), Scale = Tensor<float>.RandomNormal([N, C], 5) };
        BackwardOptions<float> gradients = new() { SumGradient = _other, SkipGradient = new(N, C, S), ScaleGradient = new(N, C) };
        Tensor<float> dx = new(N, C, S), y = new(2, C, S), partDx = new(2, C, S);
        whole.Forward(_x, _y, options);
        whole.Backward(_other, dx, gradients);
        for (int i = 0; i < 2; i++)
        {
            ForwardOptions<float> own = new() { Residual = Half(_other, i), Sum = new(2, C, S), Skip = Half(options.Skip!, i), Scale = Half(options.Scale!, i) };
            BackwardOptions<float> ownGradients = new() { SumGradient = Half(_other, i), SkipGradient = new(2, C, S), ScaleGradient = new(2, C) };
            part.Forward(Half(_x, i), y, own);
            part.Backward(Half(_other, i), partDx, ownGradients);
            y.Span.ToArray().Should().Equal(Half(_y, i).Span.ToArray());
            partDx.Span.ToArray().Should().Equal(Half(dx, i).Span.ToArray());
            ownGradients.SkipGradient!.Span.ToArray().Should().Equal(Half(gradients.SkipGradient!, i).Span.ToArray());
            ownGradients.ScaleGradient!.Span.ToArray().Should().Equal(Half(gradients.ScaleGradient!, i).Span.ToArray());
        }
        part.Weight!.Gradient.Span.ToArray().Should().Equal(whole.Weight!.Gradient.Span.ToArray());

        static Tensor<float> Half(Tensor<float> tensor, int half)
        {
            int[] shape = tensor.Shape.ToArray();
            shape[0] /= 2;
            return new(tensor.Memory.Slice(half * tensor.Length / 2, tensor.Length / 2), shape);
        }
    }

    [Fact]
    public void Ranks_that_do_not_agree_leave_the_sum_and_the_gradients_as_they_are()
    {
        Ranks.OnEachOf(2, static ranks =>
        {
            var sample = new FusedSample<float>(new Case(Kind.Batch, 6, 3, 5) { Track = true, Activation = Activation.Silu }, Terms.All);
            ((BatchNorm<float>)sample.Layer.Layer).Synchronize(ranks);
            long[] residual = Values.Bits(sample.Residual);
            ForwardOptions<float> options = sample.Forward with { Sum = sample.Residual, Skip = ranks.Rank == 0 ? sample.Skip : new(1) };
            FluentActions.Invoking(() => sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, options)).Should().Throw<Exception>();
            Values.Bits(sample.Residual).Should().Equal(residual);
            sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, sample.Forward);
            BackwardOptions<float> wrong = sample.Backward with { SumGradient = ranks.Rank == 0 ? sample.SumGradient : new(1) };
            long[] before = sample.Bits(), gradient = Values.Bits(sample.Layer.OutputGradient);
            FluentActions.Invoking(() => sample.Layer.Layer.Backward(sample.Layer.OutputGradient, sample.Layer.OutputGradient, wrong)).Should().Throw<Exception>();
            sample.Bits().Should().Equal(before);
            Values.Bits(sample.Layer.OutputGradient).Should().Equal(gradient);
        });
    }

    private void Refused(ForwardOptions<float> options, string message)
    {
        float[] output = _y.Span.ToArray(), other = _other.Span.ToArray();
        FluentActions.Invoking(() => _batch.Forward(_x, _y, options)).Should().Throw<ArgumentException>().WithMessage(message);
        _y.Span.ToArray().Should().Equal(output);
        _other.Span.ToArray().Should().Equal(other);
        _batch.BatchesTracked.Should().Be(0);
    }
}
