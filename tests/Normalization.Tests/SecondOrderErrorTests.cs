namespace Normalization.Tests;

/// <summary>What the passes of second order refuse, before they write anything.</summary>
public sealed class SecondOrderErrorTests
{
    private static readonly int[] _shape = [4, 6, 5];

    private readonly Tensor<float> _x = Sample<float>.Normal(_shape, 1, 0, 1), _dy = Sample<float>.Normal(_shape, 2, 0, 1);
    private readonly Tensor<float> _v = Sample<float>.Normal(_shape, 3, 0, 1), _result = new(_shape), _other = new(_shape);

    [Fact]
    public void A_layer_without_a_forward_pass_says_so()
    {
        var layer = new GroupNorm<float>(3, 6);
        Refuses<InvalidOperationException>(layer, "*Forward*");
        layer.Forward(_x);
        layer.Eval();
        Refuses<InvalidOperationException>(layer, "*evaluation*ForwardContext*");
    }

    [Fact]
    public void A_changed_input_is_refused()
    {
        var layer = new GroupNorm<float>(3, 6);
        layer.Forward(_x);
        _x.Span.Fill(7);
        Refuses<InvalidOperationException>(layer, "*has changed*");
    }

    [Fact]
    public void What_is_more_than_the_norm_is_refused()
    {
        Refuses<NotSupportedException>(Forwarded(new GroupNorm<float>(3, 6) { Activation = Activation.Relu }), "*activation*");
        Refuses<NotSupportedException>(Forwarded(new LocalResponseNorm<float>(5)), "*LocalResponseNorm*");
        var skipped = new GroupNorm<float>(3, 6);
        skipped.Forward(_x, new(_shape), new ForwardOptions<float> { Skip = _v });
        Refuses<NotSupportedException>(skipped, "*skip*");
        Refuses<NotSupportedException>(Forwarded(new BatchRenorm<float>(6) { WarmUpStart = 0 }), "*BatchRenorm*");
        Refuses<NotSupportedException>(Forwarded(new OwnNorm()), "*HasSecondOrder*");
    }

    [Fact]
    public void Statistics_of_more_than_the_input_are_refused()
    {
        Ranks.OnEachOf(2, ranks =>
        {
            var shared = new BatchNorm1d<float>(6);
            shared.Synchronize(ranks);
            shared.Forward(_x);
            Action pass = () => shared.ForwardTangent(new(_shape), new TangentOptions<float> { InputTangent = _v });
            pass.Should().Throw<NotSupportedException>().WithMessage("*ranks*");
        });
        var norm = new BatchNorm1d<float>(6);
        var parts = new MicroBatches<float>(norm);
        var context = new ForwardContext<float> { MicroBatches = parts };
        parts.Observe(_x);
        norm.Forward(_x, _other, context);
        Action part = () => norm.ForwardTangent(_result, new TangentOptions<float> { InputTangent = _v, Context = context });
        part.Should().Throw<NotSupportedException>().WithMessage("*MicroBatches*");
    }

    [Fact]
    public void Wrong_shapes_and_parameters_that_are_not_there_are_refused()
    {
        GroupNorm<float> layer = new(3, 6), plain = new(3, 6, affine: false);
        layer.Forward(_x);
        plain.Forward(_x);
        Refuses(layer, new() { InputGradientGradient = new(4, 6, 4) }, "InputGradientGradient");
        Refuses(layer, new() { InputGradient = new(4, 6, 4) }, "InputGradient");
        Refuses(layer, new() { OutputGradientGradient = new(6, 4, 5) }, "OutputGradientGradient");
        Refuses(layer, new() { WeightGradientGradient = new(5) }, "WeightGradientGradient");
        Refuses(layer, new() { BiasGradientGradient = new(6, 1) }, "BiasGradientGradient");
        Refuses(plain, new() { WeightGradientGradient = new(6) }, "WeightGradientGradient");
        Refuses(plain, new() { BiasGradientGradient = new(6) }, "BiasGradientGradient");
        Action tangent = () => plain.ForwardTangent(_result, new TangentOptions<float> { WeightTangent = new(6) });
        tangent.Should().Throw<ArgumentException>().WithParameterName("WeightTangent");
    }

    [Fact]
    public void Results_over_other_memory_are_refused()
    {
        var layer = new GroupNorm<float>(3, 6);
        layer.Forward(_x);
        Refuses(layer, new() { InputGradientGradient = _v, InputGradient = _v }, "InputGradient");
        Refuses(layer, new() { InputGradientGradient = _v, OutputGradientGradient = _v }, "OutputGradientGradient");
        Refuses(layer, new() { InputGradientGradient = _v, InputGradient = _dy }, "InputGradient");
        Refuses(layer, new() { InputGradientGradient = _v, InputGradient = _x }, "InputGradient");
        Refuses(layer, new() { InputGradient = _result, OutputGradientGradient = _result }, "OutputGradientGradient");
        float[] array = new float[121];
        Action overlap = () => layer.ForwardTangent(
            new(array.AsMemory(1), _shape), new TangentOptions<float> { InputTangent = new(array.AsMemory(0, 120), _shape) });
        overlap.Should().Throw<ArgumentException>().WithMessage("*partly overlaps*");
    }

    [Fact]
    public void The_primitives_refuse_what_does_not_fit_the_plan()
    {
        NormalizationPlan plan = NormalizationPlan.Rows(2, 3);
        float[] six = new float[6], result = new float[6];
        double[] statistics = new double[2];
        Action length = () => NormalizationPrimitives.ForwardTangent<float>(plan, six, new float[5], [], [], [], result, statistics, statistics);
        length.Should().Throw<ArgumentException>().WithParameterName("inputTangent");
        Action weight = () => NormalizationPrimitives.ForwardTangent<float>(plan, six, [], [], new float[2], [], result, statistics, statistics);
        weight.Should().Throw<ArgumentException>().WithParameterName("weightTangent");
        Action output = () => NormalizationPrimitives.ForwardTangent<float>(plan, six, [], [], [], [], new float[5], statistics, statistics);
        output.Should().Throw<ArgumentException>().WithParameterName("outputTangent");
        Action means = () => NormalizationPrimitives.ForwardTangent<float>(plan, six, [], [], [], [], result, new double[1], statistics);
        means.Should().Throw<ArgumentException>().WithParameterName("mean");
        Action same = () => NormalizationPrimitives.ForwardTangent<float>(plan, six, [], [], [], [], six, statistics, statistics);
        same.Should().Throw<ArgumentException>().WithParameterName("outputTangent");
        Action rows = () => NormalizationPrimitives.ForwardTangent<float>(
            plan, six, [], [], [], [], result, statistics, statistics, hasFixedStatistics: true);
        rows.Should().Throw<NotSupportedException>();
        Action windows = () => NormalizationPrimitives.ForwardTangent<float>(
            NormalizationPlan.Windows(1, 2, 3, 5, 1, 1, 1), six, [], [], [], [], result, [], []);
        windows.Should().Throw<NotSupportedException>().WithMessage("*Windows*");
        Action gradient = () => NormalizationPrimitives.DoubleBackward<float>(plan, six, new float[7], [], default, statistics, statistics);
        gradient.Should().Throw<ArgumentException>().WithParameterName("dy");
    }

    private NormalizationLayer<float> Forwarded(NormalizationLayer<float> layer)
    {
        layer.Forward(_x);
        return layer;
    }

    private void Refuses<TException>(NormalizationLayer<float> layer, string message) where TException : Exception
    {
        Action tangent = () => layer.ForwardTangent(_result, new TangentOptions<float> { InputTangent = _v });
        Action backward = () => layer.DoubleBackward(
            _dy, new DoubleBackwardOptions<float> { InputGradientGradient = _v, InputGradient = _result, OutputGradientGradient = _other });
        tangent.Should().Throw<TException>().WithMessage(message);
        backward.Should().Throw<TException>().WithMessage(message);
        _result.Span.ToArray().Should().AllBeEquivalentTo(0f, "a call that throws has changed nothing");
        _other.Span.ToArray().Should().AllBeEquivalentTo(0f);
    }

    private void Refuses(NormalizationLayer<float> layer, DoubleBackwardOptions<float> options, string name)
    {
        layer.ZeroGradients();
        long[] before = [.. Values.Bits(_v), .. Values.Bits(_dy), .. Values.Bits(_x)];
        Action backward = () => layer.DoubleBackward(_dy, options);
        backward.Should().Throw<ArgumentException>().WithParameterName(name);
        ((long[])[.. Values.Bits(_v), .. Values.Bits(_dy), .. Values.Bits(_x)]).Should().Equal(before);
        layer.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray()).Should().NotContain(static value => value != 0);
    }

    private sealed class OwnNorm() : NormalizationLayer<float>(1e-5, [], false, false)
    {
        protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => NormalizationPlan.Groups(shape[0], shape[1], shape[2], 1);
    }
}
