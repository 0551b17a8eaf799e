using Normalization;

namespace OwnLayers;

/// <summary>A layer that overrides the core of its passes cannot be bypassed, and its parts are checked as whole passes are.</summary>
public sealed class CoreTests
{
    private const int N = 6, C = 2, S = 4;

    private static readonly int[] _shape = [N, C, S];

    private static readonly Tensor<double> _input = Tensor<double>.RandomNormal(_shape, seed: 1, mean: 2);

    private static readonly Tensor<double> _gradient = Tensor<double>.RandomNormal(_shape, seed: 2);

    public static TheoryData<string, bool> Layers => new() { { "conditional", true }, { "conditional", false }, { "ghost", true }, { "ghost", false } };

    [Theory]
    [MemberData(nameof(Layers))]
    public void No_overload_goes_past_the_core_of_a_layer(string kind, bool isTraining)
    {
        NormalizationLayer<double> layer = Create(kind, isTraining);
        ForwardContext<double> context = new(), onSpans = new();
        Tensor<double> first = new(_shape), second = new(_shape), third = new(_shape);
        (double[] output, double[] inputGradient, double[][] gradients) = Expected(kind, isTraining);
        layer.Forward(_input).Span.ToArray().Should().Equal(output);
        layer.Forward(_input, first);
        layer.Forward(_input, second, context);
        layer.Forward(_input.AsReadOnlyTensorSpan(), third.AsTensorSpan(), onSpans);
        foreach (Tensor<double> written in (Tensor<double>[])[first, second, third])
            written.Span.ToArray().Should().Equal(output);
        if (isTraining)
        {
            RequireGradients(() => layer.Backward(_gradient));
            RequireGradients(() => Written(written => layer.Backward(_gradient, written)));
        }
        else
        {
            Written(written => layer.Forward(_input.AsReadOnlyTensorSpan(), written.AsTensorSpan())).Span.ToArray().Should().Equal(output);
        }
        RequireGradients(() => Written(written => layer.Backward(_gradient, written, context)));
        RequireGradients(() => Written(written => layer.Backward(
            _input.AsReadOnlyTensorSpan(), _gradient.AsReadOnlyTensorSpan(), written.AsTensorSpan(), onSpans)));

        void RequireGradients(Func<Tensor<double>> backward)
        {
            layer.ZeroGradients();
            backward().Span.ToArray().Should().Equal(inputGradient);
            layer.Parameters.Select(static parameter => parameter.Gradient.Span.ToArray()).Should().BeEquivalentTo(gradients);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_repeated_pass_goes_through_the_core_as_the_first_did(string kind, bool isTraining)
    {
        NormalizationLayer<double> layer = Create(kind, isTraining);
        var context = new ForwardContext<double>();
        (double[] output, double[] inputGradient, _) = Expected(kind, isTraining);
        Tensor<double> written = new(_shape);
        layer.Forward(_input, written, context);
        long? batches = (layer as BatchNorm<double>)?.BatchesTracked;
        context.ReleaseInput();
        layer.Train(!isTraining);
        written.Fill(0);
        context.IsRecomputation = true;
        layer.Forward(_input, written, context);
        written.Span.ToArray().Should().Equal(output);
        layer.Backward(_gradient, written, context);
        written.Span.ToArray().Should().Equal(inputGradient);
        (layer as BatchNorm<double>)?.BatchesTracked.Should().Be(batches);
    }

    [Fact]
    public void Two_uses_of_a_layer_keep_apart_what_its_core_keeps()
    {
        var layer = new ClassConditionalBatchNorm<double>(2, C) { Classes = [0, 0, 0, 0, 0, 0] };
        Tensor<double> output = new(_shape), result = new(_shape);
        ForwardContext<double> first = new(), second = new();
        layer.Scales.Value.Span[..C].Fill(3);
        layer.Forward(_input, output, first);
        layer.Classes = [1, 1, 1, 1, 1, 1];
        layer.Forward(_input, output, second);
        layer.Backward(_gradient, result, first);
        double[] ofFirst = result.Span.ToArray();
        layer.Backward(_gradient, result, second);
        for (int i = 0; i < result.Length; i++)
            ofFirst[i].Should().BeApproximately(3 * result.Span[i], 1e-13, "the first use had class 0");
    }

    [Fact]
    public void A_core_that_throws_leaves_the_pass_before_remembered()
    {
        var layer = new ClassConditionalBatchNorm<double>(2, C) { Classes = [0, 1, 0, 1, 0, 1] };
        layer.Forward(_input);
        layer.Classes = [];
        layer.Invoking(static item => item.Forward(_gradient)).Should().Throw<ArgumentException>().WithMessage("expected 6 classes, got 0*");
        layer.BatchesTracked.Should().Be(1);
        layer.Backward(_gradient).Length.Should().Be(_gradient.Length);
    }

    [Fact]
    public void Passes_through_parts_allocate_nothing_in_steady_state()
    {
        NormalizationLayer<double> layer = Create("ghost", isTraining: true);
        Tensor<double> output = new(_shape), result = new(_shape);
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            layer.Forward(_input, output);
            layer.Backward(_gradient, result);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        least.Should().Be(0);
    }

    [Fact]
    public void Ranks_share_the_statistics_of_each_part()
    {
        var layers = new GhostBatchNorm<double>[2];
        var gradients = new double[2][];
        InMemoryCollective.Run(2, ranks =>
        {
            var layer = new GhostBatchNorm<double>(C, pieceSize: 3);
            layer.Synchronize(ranks);
            layer.Forward(ranks.Rank == 0 ? _input : _gradient);
            gradients[ranks.Rank] = layer.Backward(_input).Span.ToArray();
            layers[ranks.Rank] = layer;
        });
        layers[1].RunningMean!.Span.ToArray().Should().Equal(layers[0].RunningMean!.Span.ToArray());
        layers[0].BatchesTracked.Should().Be(2, "there are two parts");
        var together = new BatchNorm1d<double>(C);
        Tensor<double> part = Joined(_input, _gradient, 0);
        together.Forward(part);
        double[] expected = together.Backward(Joined(_input, _input, 0)).Span.ToArray();
        for (int i = 0; i < 3 * C * S; i++)
            gradients[0][i].Should().BeApproximately(expected[i], 1e-13);
    }

    [Fact]
    public void A_part_that_does_not_fit_is_refused_before_anything_is_written()
    {
        ForwardContext<double> inner = new();
        int[] half = [3, C, S], wide = [3, C + 1, S];
        Refuse<ArgumentException>("*another context than the whole pass*", (in pass, norm) =>
            norm(pass.CreatePart(pass.Shape, pass.Input, pass.Output, pass.Context)));
        Refuse<ArgumentNullException>("*context*", static (in pass, norm) => norm(pass.CreatePart(pass.Shape, pass.Input, pass.Output, null)));
        Refuse<ArgumentException>("*expected input*", (in pass, norm) => norm(pass.CreatePart(wide, pass.Input, pass.Output, inner)));
        Refuse<ArgumentException>("*input*", (in pass, norm) => norm(pass.CreatePart(half, pass.Input, pass.Output, inner)));
        Refuse<ArgumentException>("*output*", (in pass, norm) => norm(pass.CreatePart(pass.Shape, pass.Input, pass.Output[1..], inner)));
        Refuse<ArgumentException>("*overlaps*", (in pass, norm) => norm(pass.CreatePart(half, pass.Output[..24], pass.Output[..24], inner)));

        static void Refuse<TException>(string message, Probe.ForwardCall core)
            where TException : ArgumentException
        {
            var layer = new Probe(C) { OnForward = core };
            Tensor<double> output = Tensor<double>.Full(_shape, 7);
            layer.Invoking(item => item.Forward(_input, output)).Should().Throw<TException>().WithMessage(message);
            output.Span.ToArray().Should().OnlyContain(static value => value == 7);
            layer.Invoking(static item => item.Backward(_gradient)).Should().Throw<InvalidOperationException>();
        }
    }

    [Fact]
    public void A_part_of_a_backward_pass_that_does_not_fit_is_refused_before_anything_is_written()
    {
        ForwardContext<double> inner = new(), unused = new();
        Refuse<InvalidOperationException>("No forward pass*", (in pass, norm) =>
            norm(pass.CreatePart(pass.Input, pass.OutputGradient, pass.InputGradient, unused)));
        Refuse<ArgumentException>("*another context than the whole pass*", static (in pass, norm) =>
            norm(pass.CreatePart(pass.Input, pass.OutputGradient, pass.InputGradient, pass.Context)));
        Refuse<ArgumentException>("*input*", (in pass, norm) =>
            norm(pass.CreatePart(pass.Input[1..], pass.OutputGradient[1..], pass.InputGradient[1..], inner)));
        Refuse<ArgumentException>("*outputGradient*", (in pass, norm) =>
            norm(pass.CreatePart(pass.Input, pass.OutputGradient[1..], pass.InputGradient, inner)));
        Refuse<InvalidOperationException>("*input has changed*", (in pass, norm) =>
            norm(pass.CreatePart(pass.OutputGradient, pass.OutputGradient, pass.InputGradient, inner)));
        Refuse<ArgumentException>("outputGradient*", static (in pass, norm) => norm(pass.WithOutputGradient(pass.InputGradient[1..])));
        Refuse<ArgumentException>("*input*", static (in pass, norm) => norm(pass));

        void Refuse<TException>(string message, Probe.BackwardCall core)
            where TException : Exception
        {
            var layer = new Probe(C)
            {
                OnForward = (in pass, norm) => norm(pass.CreatePart(pass.Shape, pass.Input, pass.Output, inner)),
                OnBackward = core,
            };
            layer.Forward(_input);
            Tensor<double> inputGradient = Tensor<double>.Full(_shape, 7);
            layer.Invoking(item => item.Backward(_gradient, inputGradient)).Should().Throw<TException>().WithMessage(message);
            inputGradient.Span.ToArray().Should().OnlyContain(static value => value == 7);
            layer.Weight!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        }
    }

    private static NormalizationLayer<double> Create(string kind, bool isTraining)
    {
        NormalizationLayer<double> layer = kind == "ghost"
            ? new GhostBatchNorm<double>(C, pieceSize: 3)
            : new ClassConditionalBatchNorm<double>(3, C) { Classes = [2, 0, 2, 1, 1, 0] };
        int seed = 10;
        foreach (Parameter<double> parameter in layer.Parameters)
            Tensor<double>.RandomNormal(parameter.Value.Shape, seed++, mean: 1).CopyTo(parameter.Value);
        layer.Train(isTraining);
        return layer;
    }

    /// <summary>What one pass with a context gives.</summary>
    private static (double[] Output, double[] InputGradient, double[][] Gradients) Expected(string kind, bool isTraining)
    {
        NormalizationLayer<double> layer = Create(kind, isTraining);
        ForwardContext<double> context = new();
        Tensor<double> output = new(_shape), inputGradient = new(_shape);
        layer.Forward(_input, output, context);
        layer.Backward(_gradient, inputGradient, context);
        return (output.Span.ToArray(), inputGradient.Span.ToArray(), [.. layer.Parameters.Select(static item => item.Gradient.Span.ToArray())]);
    }

    private static Tensor<double> Written(Action<Tensor<double>> call)
    {
        var tensor = new Tensor<double>(_shape);
        call(tensor);
        return tensor;
    }

    /// <summary>A part of one batch and the same part of another, in one batch.</summary>
    private static Tensor<double> Joined(Tensor<double> one, Tensor<double> other, int part)
    {
        const int Length = 3 * C * S;
        return new([.. one.Span.Slice(part * Length, Length), .. other.Span.Slice(part * Length, Length)], _shape);
    }

    /// <summary>A layer whose core is what a test says.</summary>
    private sealed class Probe(int numFeatures) : BatchNorm<double>(numFeatures, 1e-5, 0.1, affine: true, trackRunningStatistics: true)
    {
        public delegate void ForwardNorm(in ForwardPass<double> pass);

        public delegate void BackwardNorm(in BackwardPass<double> pass);

        public delegate void ForwardCall(in ForwardPass<double> pass, ForwardNorm norm);

        public delegate void BackwardCall(in BackwardPass<double> pass, BackwardNorm norm);

        public ForwardCall OnForward { get; init; } = static (in pass, norm) => norm(pass);

        public BackwardCall OnBackward { get; init; } = static (in pass, norm) => norm(pass);

        protected override void ForwardCore(in ForwardPass<double> pass) => OnForward(pass, base.ForwardCore);

        protected override void BackwardCore(in BackwardPass<double> pass) => OnBackward(pass, base.BackwardCore);
    }
}
