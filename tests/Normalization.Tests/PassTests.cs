using System.Buffers;
using System.Runtime.CompilerServices;
using Normalization.Verify;

namespace Normalization.Tests;

/// <summary>A pass is decided once, works on what it decided, and leaves the pass before it alone until it has succeeded.</summary>
public sealed class PassTests
{
    [Fact]
    public void Several_threads_in_one_training_layer_by_mistake_touch_no_memory_outside_their_tensors()
    {
        // A fault ends the process, so it happens in another one.
        (int exitCode, string output) = ChildProcess.Run(["misuse", "--n", "300"]);
        exitCode.Should().Be(0, output);
    }

    [Fact]
    public void A_pass_that_begins_inside_another_one_does_not_mix_with_it()
    {
        var layer = new LayerNorm<float>(4);
        Tensor<float> input = Tensor<float>.RandomNormal([64, 4], 1), output = new(64, 4), other = Tensor<float>.RandomNormal([2, 4], 2);
        layer.Forward(input, output);
        float[] expected = layer.Backward(input).Span.ToArray();
        using var memory = new CallingMemory(input.Span.ToArray());
        var gradient = new Tensor<float>(memory.Memory, 64, 4);
        float[] actual = new float[gradient.Length];
        memory.Call = () => layer.Forward(other);
        try
        {
            layer.Backward(gradient, new(actual, 64, 4));
            actual.Should().Equal(expected);
        }
        catch (InvalidOperationException exception)
        {
            exception.Message.Should().Contain("one thread at a time");
            actual.Should().OnlyContain(static value => value == 0);
        }
        layer.Forward(input, output);
        layer.Backward(gradient, new(actual, 64, 4));
        actual.Should().Equal(expected, "the refused pass has left the layer as usable as before");
    }

    [Fact]
    public void A_layer_that_is_switched_during_a_pass_ends_the_pass_as_it_began_it()
    {
        InstanceNorm1d<float> layer = new(3, trackRunningStatistics: true), alone = new(3, trackRunningStatistics: true);
        var input = Tensor<float>.RandomNormal([4, 3, 15], 1);
        using var memory = new CallingMemory(input.Span.ToArray());
        var switching = new Tensor<float>(memory.Memory, 4, 3, 15);
        memory.Call = () => layer.UseRunningStatistics = true;
        Tensor<float> output = layer.Forward(switching);
        layer.UseRunningStatistics.Should().BeTrue();
        Values.Bits(output).Should().Equal(Values.Bits(alone.Forward(input)));
        Values.Bits(layer.RunningMean).Should().Equal(Values.Bits(alone.RunningMean));
        layer.BatchesTracked.Should().Be(1);
    }

    [Fact]
    public void A_pass_that_fails_leaves_the_pass_before_it_remembered()
    {
        var layer = new FailingLayer();
        var context = new ForwardContext<float>();
        Tensor<float> input = Tensor<float>.RandomNormal([6, 4], 1), gradient = Tensor<float>.RandomNormal([6, 4], 2);
        layer.Forward(input, new(6, 4), context);
        Tensor<float> expected = new(6, 4), actual = new(6, 4);
        layer.Backward(gradient, expected, context);
        double deviation = context.GetInverseStandardDeviation(0);
        layer.IsFailing = true;
        layer.Invoking(item => item.Forward(Tensor<float>.RandomNormal([3, 4], 3), new(3, 4), context)).Should()
            .Throw<NotSupportedException>();
        (context.Input, context.GroupCount, context.GetInverseStandardDeviation(0)).Should().Be((input, 4, deviation));
        layer.Backward(gradient, actual, context);
        Values.Bits(actual).Should().Equal(Values.Bits(expected));
    }

    [Fact]
    public void Kernels_get_no_memory_that_does_not_have_the_planned_size()
    {
        // As a tensor could be whose shape another thread changed while it was made.
        var layer = new FailingLayer { Excess = 1 };
        layer.Invoking(static item => item.Forward(new Tensor<float>(6, 4))).Should()
            .Throw<ArgumentException>().WithMessage("input must have*28*24*");
    }

    [Fact]
    public void A_context_is_not_cleared_in_the_middle_of_its_pass()
    {
        var layer = new LayerNorm<float>(4);
        using var memory = new CallingMemory(new float[8]);
        var input = new Tensor<float>(memory.Memory, 2, 4);
        memory.Call = layer.Eval;
        layer.Invoking(item => item.Forward(input)).Should().Throw<InvalidOperationException>().WithMessage("*one thread at a time*");
        layer.IsTraining.Should().BeTrue("a call that throws has changed nothing");
        var context = new ForwardContext<float>();
        memory.Call = context.Clear;
        layer.Invoking(item => item.Forward(input, new(2, 4), context)).Should().Throw<InvalidOperationException>();
        layer.Forward(input, new(2, 4), context);
        context.GroupCount.Should().Be(2);
    }

    [Fact]
    public void Evaluation_lets_go_of_the_input_of_training() => RequireRelease(static layer => layer.Eval());

    [Fact]
    public void A_layer_that_forgets_its_pass_lets_go_of_the_input() => RequireRelease(static layer => layer.ForgetForward());

    private static void RequireRelease(Action<NormalizationLayer<float>> release)
    {
        var layer = new LayerNorm<float>(4);
        WeakReference input = ForwardOnce(layer);
        Collect();
        input.IsAlive.Should().BeTrue("backward needs it");
        release(layer);
        Collect();
        input.IsAlive.Should().BeFalse();
        layer.Train();
        layer.Invoking(static item => item.Backward(new Tensor<float>(2, 4))).Should().Throw<InvalidOperationException>()
            .WithMessage("No forward pass is remembered*");

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference ForwardOnce(NormalizationLayer<float> layer)
        {
            var input = new Tensor<float>(2, 4);
            layer.Forward(input);
            return new(input);
        }

        static void Collect()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
        }
    }

    /// <summary>Fails in the middle of a pass, after its statistics have been written.</summary>
    private sealed class FailingLayer() : NormalizationLayer<float>(epsilon: 0, [4], hasWeight: true, hasBias: true)
    {
        public bool IsFailing { get; set; }

        public int Excess { get; init; }

        protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => NormalizationPlan.Batch(shape[0] + Excess, shape[1], 1);

        protected override void OnInputStatistics(InputStatistics statistics)
        {
            if (IsFailing)
                throw new NotSupportedException();
        }
    }

    /// <summary>Calls back when somebody wants the memory, as another thread could at that moment.</summary>
    private sealed class CallingMemory(float[] data) : MemoryManager<float>
    {
        public Action? Call { get; set; }

        public override Span<float> GetSpan()
        {
            Action? call = Call;
            Call = null;
            call?.Invoke();
            return data;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
