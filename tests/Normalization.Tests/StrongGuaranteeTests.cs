namespace Normalization.Tests;

/// <summary>Every call that a layer refuses, with its message: and after it nothing has changed.</summary>
public sealed class StrongGuaranteeTests
{
    private const string Small = "Batch [4, 5, 3] tracking";

    private static readonly (string Layer, string Expected, int[] Shape)[] _shapes =
    [
        (Small, "expected input [N, 5] or [N, 5, L], got [4, 6, 3]*", [4, 6, 3]),
        (Small, "expected input [N, 5] or [N, 5, L], got [5]*", [5]),
        (Small, "expected input [N, 5] or [N, 5, L], got []*", []),
        (Small, "expected input [N, 5] or [N, 5, L], got [4, 5, 3, 3]*", [4, 5, 3, 3]),
        (Small, "*more than one value per channel*[1, 5]*", [1, 5]),
        (Small, "*more than one value per channel*[1, 5, 1]*", [1, 5, 1]),
        ("Batch [2, 3, 6, 6] plain", "expected input [N, 3, H, W], got [32, 28, 28, 3]*", [32, 28, 28, 3]),
        ("Batch [2, 3, 6, 6] tracking", "expected input [N, 3, H, W], got [2, 3, 36]*", [2, 3, 36]),
        ("Batch [2, 3, 6, 6]", "*more than one value per channel*[1, 3, 1, 1]*", [1, 3, 1, 1]),
        ("Batch [2, 3, 4, 4, 4] tracking", "expected input [N, 3, D, H, W], got [3, 4, 4, 4]*", [3, 4, 4, 4]),
        ("Instance [4, 3, 15] tracking", "expected input [N, 3, L] or [3, L], got [4, 4, 15]*", [4, 4, 15]),
        ("Instance [4, 3, 15] tracking", "expected input [N, 3, L] or [3, L], got [4, 15]*", [4, 15]),
        ("Instance [4, 3, 15] tracking", "*more than one value per channel and sample*[4, 3, 1]*", [4, 3, 1]),
        ("Instance [4, 3, 6, 6] plain", "expected input [N, 3, H, W] or [3, H, W], got [3]*", [3]),
        ("Instance [4, 3, 6, 6] plain", "expected input [N, 3, H, W] or [3, H, W], got [3, 4, 6, 6]*", [3, 4, 6, 6]),
        ("Instance [4, 3, 4, 4, 4]", "expected input [N, 3, D, H, W] or [3, D, H, W], got [2, 3, 4]*", [2, 3, 4]),
        ("Instance [4, 3, 2, 2, 2, 3]", "expected input [N, 3, ...]*got [4, 3]*", [4, 3]),
        ("Group [4, 6, 5] groups 3", "expected input [N, 6, ...], got [4, 5, 6]*", [4, 5, 6]),
        ("Group [4, 6, 5] groups 3", "expected input [N, 6, ...], got [6]*", [6]),
        ("Layer [4, 2, 2, 5] over 3", "expected input [..., 2, 2, 5], got [4, 2, 5, 2]*", [4, 2, 5, 2]),
        ("Layer [4, 2, 2, 5] over 3", "expected input [..., 2, 2, 5], got [2, 5]*", [2, 5]),
        ("Rms [4, 5, 5] over 1", "expected input [..., 5], got [5, 4]*", [5, 4]),
        ("Rms [4, 5, 5] over 1", "expected input [..., 5], got []*", []),
    ];

    private const string Overlap = "* must not overlap *";

    private static readonly Func<Sample<float>, Tensor<float>?>[] _used =
    [
        static sample => sample.Layer.Weight?.Value,
        static sample => sample.Layer.Bias?.Value,
        static sample => sample.Running?.RunningMean,
        static sample => sample.Running?.RunningVariance,
    ];

    private static readonly Func<Sample<float>, Tensor<float>?>[] _gradients =
        [static sample => sample.Layer.Weight?.Gradient, static sample => sample.Layer.Bias?.Gradient];

    public static TheoryData<int> Shapes => [.. Enumerable.Range(0, _shapes.Length)];

    public static TheoryData<string> Layers =>
        [Small, "Instance [4, 3, 15] tracking", "Group [4, 6, 5] groups 3", "Layer [4, 5, 5] over 1", "Rms [4, 5, 5] over 1"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_wrong_shape_is_refused_naming_expected_and_given(int index)
    {
        (string layer, string expected, int[] shape) = _shapes[index];
        var input = new Tensor<float>(shape);
        Refuse<ArgumentException>(layer, expected, sample => sample.Layer.Forward(input));
        Refuse<ArgumentException>(layer, expected, sample => sample.Layer.Forward(input, input.Clone()));
        Refuse<ArgumentException>(layer, expected, sample => sample.Layer.Forward(input, input.Clone(), sample.Context));
    }

    [Fact]
    public void InstanceNorm_of_any_rank_does_not_take_a_matrix_for_one_sample()
    {
        Action forward = () => new InstanceNorm<float>(5).Forward(new Tensor<float>(5, 4));
        forward.Should().Throw<ArgumentException>().WithMessage("expected input [N, 5, ...] of rank 3 or more, got [5, 4]*");
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void An_output_of_another_shape_is_refused(string name)
    {
        Func<Sample<float>, Tensor<float>>[] outputs = [static sample => sample.Output.Reshape(-1), static _ => new(3, 3)];
        foreach (Func<Sample<float>, Tensor<float>> wrong in outputs)
        {
            Refuse<ArgumentException>(name, "expected output [*, got [*", sample => sample.Layer.Forward(sample.Input, wrong(sample)));
            Refuse<ArgumentException>(name, "expected output [*, got [*", sample => sample.Layer.Forward(sample.Input, wrong(sample), sample.Context));
            Refuse<ArgumentException>(name, "expected outputGradient [*, got [*", sample => sample.Layer.Backward(wrong(sample)));
            Refuse<ArgumentException>(name, "expected outputGradient [*, got [*", sample => sample.Layer.Backward(wrong(sample), sample.InputGradient));
            Refuse<ArgumentException>(name, "expected inputGradient [*, got [*", sample => sample.Layer.Backward(sample.OutputGradient, wrong(sample)));
            Refuse<ArgumentException>(name, "expected inputGradient [*, got [*", sample => sample.Layer.Backward(sample.OutputGradient, wrong(sample), sample.Context));
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_null_is_refused(string name)
    {
        Refuse<ArgumentNullException>(name, "*'input'*", static sample => sample.Layer.Forward(null!));
        Refuse<ArgumentNullException>(name, "*'input'*", static sample => sample.Layer.Forward(null!, sample.Output));
        Refuse<ArgumentNullException>(name, "*'output'*", static sample => sample.Layer.Forward(sample.Input, null!));
        Refuse<ArgumentNullException>(name, "*'context'*", static sample => sample.Layer.Forward(sample.Input, sample.Output, null!));
        Refuse<ArgumentNullException>(name, "*'outputGradient'*", static sample => sample.Layer.Backward(null!));
        Refuse<ArgumentNullException>(name, "*'outputGradient'*", static sample => sample.Layer.Backward(null!, sample.InputGradient));
        Refuse<ArgumentNullException>(name, "*'inputGradient'*", static sample => sample.Layer.Backward(sample.OutputGradient, null!));
        Refuse<ArgumentNullException>(name, "*'context'*", static sample => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, null!));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Memory_that_overlaps_is_refused(string name)
    {
        const string Partly = "*partly overlaps*same memory or entirely different memory*";
        Refuse<ArgumentException>(name, Partly, static sample => sample.Layer.Forward(sample.Input, Overlapping(sample.Input)), isTraining: false);
        Refuse<ArgumentException>(name, Partly, static sample => sample.Layer.Forward(sample.Input, Overlapping(sample.Input)));
        Refuse<ArgumentException>(name, Partly, static sample => sample.Layer.Backward(sample.OutputGradient, Overlapping(sample.OutputGradient)));
        Refuse<ArgumentException>(name, "inputGradient must not overlap input*", static sample => sample.Layer.Backward(sample.OutputGradient, sample.Input));
        Refuse<ArgumentException>(name, "inputGradient must not overlap input*", static sample => sample.Layer.Backward(sample.OutputGradient, Overlapping(sample.Input)));
        const string Needed = "*output overlaps input, which the backward pass needs*Eval()*";
        Refuse<ArgumentException>(name, Needed, static sample => sample.Layer.Forward(sample.Input, sample.Input));
        Refuse<ArgumentException>(name, Needed, static sample => sample.Layer.Forward(sample.Input, sample.Input, sample.Context));
        Refuse<ArgumentException>(name, Needed, static sample => sample.Layer.Forward(sample.Input, sample.Input, sample.Context), isTraining: false);
    }

    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.Group)]
    [InlineData(Kind.Layer)]
    [InlineData(Kind.Rms)]
    public void Memory_that_the_layer_itself_uses_is_refused_as_an_output(Kind kind)
    {
        foreach (Func<Sample<float>, Tensor<float>?> tensor in _used)
        {
            var sample = new Sample<float>(new Case(kind, 1, 5) { Track = kind == Kind.Batch });
            if (tensor(sample) is Tensor<float> used)
                Refuse<ArgumentException>(sample, "output must not overlap *", _ => sample.Layer.Forward(sample.Input, used.Reshape(1, 5)), isTraining: false);
        }
    }

    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.Group)]
    [InlineData(Kind.Layer)]
    [InlineData(Kind.Rms)]
    public void Memory_that_the_layer_itself_uses_is_refused_as_a_gradient(Kind kind)
    {
        foreach (Func<Sample<float>, Tensor<float>?> tensor in _used.Concat(_gradients))
        {
            var sample = new Sample<float>(new Case(kind, 1, 5) { Track = kind == Kind.Batch });
            if (tensor(sample)?.Reshape(1, 5) is Tensor<float> used)
                Refuse<ArgumentException>(sample, Overlap, _ => sample.Layer.Backward(sample.OutputGradient, used, sample.Context), isTraining: false);
        }
        foreach (Func<Sample<float>, Tensor<float>?> tensor in _gradients)
        {
            var sample = new Sample<float>(new Case(kind, 1, 5) { Track = kind == Kind.Batch });
            if (tensor(sample)?.Reshape(1, 5) is Tensor<float> used)
                Refuse<ArgumentException>(sample, Overlap, _ => sample.Layer.Backward(used, sample.InputGradient, sample.Context), isTraining: false);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Calls_in_the_wrong_order_are_refused(string name)
    {
        const string Nothing = "No forward pass is remembered*Forward in training mode*ForwardContext*";
        var fresh = new Sample<float>(Cases.Named(name));
        FluentActions.Invoking(() => fresh.Layer.Backward(fresh.OutputGradient)).Should()
            .Throw<InvalidOperationException>().WithMessage(Nothing);
        FluentActions.Invoking(() => fresh.Layer.Backward(fresh.OutputGradient, fresh.InputGradient)).Should()
            .Throw<InvalidOperationException>().WithMessage(Nothing);
        Refuse<InvalidOperationException>(
            name, Nothing, static sample => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, new ForwardContext<float>()));
        const string Evaluating = "The layer is in evaluation mode*Train()*ForwardContext*";
        Refuse<InvalidOperationException>(name, Evaluating, static sample => sample.Layer.Backward(sample.OutputGradient), isTraining: false);
        Refuse<InvalidOperationException>(name, Evaluating, static sample => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient), isTraining: false);
        Sample<float> other = new Sample<float>(Cases.Named(name)).Run();
        Refuse<InvalidOperationException>(
            name, "*another layer*", sample => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, other.Context));
        other.Context.Clear();
        Refuse<InvalidOperationException>(
            name, Nothing, sample => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, other.Context));
    }

    [Fact]
    public void Evaluation_with_running_statistics_accepts_one_value_per_channel()
    {
        var batch = new Sample<float>(Cases.Named(Small));
        batch.Layer.Eval();
        batch.Layer.Forward(new Tensor<float>(1, 5)).Shape.ToArray().Should().Equal(1, 5);
        var instance = new Sample<float>(Cases.Named("Instance [4, 3, 15] tracking"));
        instance.Layer.Eval();
        instance.Layer.Forward(new Tensor<float>(4, 3, 1)).Shape.ToArray().Should().Equal(4, 3, 1);
        var withoutTracking = new Sample<float>(Cases.Named("Batch [4, 5, 3]"));
        withoutTracking.Layer.Eval();
        FluentActions.Invoking(() => withoutTracking.Layer.Forward(new Tensor<float>(1, 5))).Should().Throw<ArgumentException>();
    }

    /// <summary>The same memory but one element earlier.</summary>
    private static Tensor<float> Overlapping(Tensor<float> tensor) => new(Sample<float>.Around(tensor).AsMemory(0, tensor.Length), tensor.Shape);

    private static void Refuse<TException>(string name, string message, Action<Sample<float>> call, bool isTraining = true)
        where TException : Exception =>
        Refuse<TException>(new Sample<float>(Cases.Named(name)), message, call, isTraining);

    private static void Refuse<TException>(Sample<float> sample, string message, Action<Sample<float>> call, bool isTraining = true)
        where TException : Exception
    {
        sample.Run(isTraining);
        if (isTraining)
            sample.Layer.Forward(sample.Input, sample.Output);
        long[] before = Everything(sample);
        FluentActions.Invoking(() => call(sample)).Should().Throw<TException>().WithMessage(message);
        Everything(sample).Should().Equal(before);
        sample.Context.Input.Should().BeSameAs(sample.Input);

        // What was remembered before the refused call still serves a backward pass.
        long[] gradient = Values.Bits(sample.InputGradient);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Bits(sample.InputGradient).Should().Equal(gradient);
        if (isTraining)
            Values.Bits(sample.Layer.Backward(sample.OutputGradient)).Should().Equal(gradient);
    }

    private static long[] Everything(Sample<float> sample) =>
    [
        .. sample.Bits(),
        .. Values.Bits<float>(Sample<float>.Around(sample.Input)),
        .. Values.Bits<float>(Sample<float>.Around(sample.OutputGradient)),
        .. sample.Layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Value)),
        .. Enumerable.Range(0, sample.Context.GroupCount).Select(g => BitConverter.DoubleToInt64Bits(sample.Context.GetInverseStandardDeviation(g))),
        sample.Running?.BatchesTracked ?? 0,
        sample.Layer.IsTraining ? 1 : 0,
    ];
}
