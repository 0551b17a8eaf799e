using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Normalization.Tests;

/// <summary>In steady state the overloads with a destination allocate nothing, neither here nor on the threads that help.</summary>
[Collection(nameof(ProcessWide))]
public sealed class AllocationTests
{
    public static TheoryData<string> Names => new(
    [
        "Batch [4, 10] tracking", "Batch [67, 19] tracking", "Batch [9, 1100] tracking", "Batch [4096, 37] tracking",
        "Batch [2, 3, 6, 6]", "Batch [2, 3, 9001] tracking", "Batch [8, 67, 14, 14] tracking", "Batch [2, 600, 7, 7] tracking",
        "Batch [1, 2, 40001] tracking", "Batch [0, 5, 9] tracking", "Instance [4, 3, 6, 6] tracking", "Instance [4, 3, 15] plain",
        "Instance [3, 15] unbatched plain", "Instance [6, 61, 14, 14] tracking", "Instance [6, 61, 14, 14] plain",
        "Instance [2, 2, 20011] tracking", "Group [4, 6, 5] groups 3", "Group [4, 6, 5] groups 3 plain",
        "Group [6, 64, 14, 14] groups 32", "Group [3200, 7, 3] groups 7", "Group [2000, 10, 5] groups 2", "Group [5, 40002] groups 2",
        "Group [2, 4, 9001] groups 2", "Layer [4, 5, 5] over 1", "Layer [4, 5, 5] over 1 without bias",
        "Layer [4, 2, 2, 5] over 3 plain", "Layer [100, 773] over 1", "Layer [14011, 5] over 1", "Layer [5, 16385] over 1",
        "Layer [1, 66001] over 1", "Layer [5, 16385] over 1 plain", "Rms [4, 5, 5] over 1", "Rms [100, 773] over 1 epsilon 1E-06",
        "Rms [100, 773] over 1 plain", "Rms [3, 20001] over 1 epsilon 1E-06",
    ]);

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_is_allocated(string name)
    {
        Measure<float>(name);
        Measure<double>(name);
    }

    [Theory]
    [MemberData(nameof(Cases.Representative), MemberType = typeof(Cases))]
    public void Derivatives_of_second_order_allocate_nothing(string name)
    {
        SecondOrderSample<float> sample = new(Cases.Named(name));
        Allocations.Least(() => sample.Run()).Should().Be(0);
        sample.Layer.Eval();
        Allocations.Least(() => sample.Run()).Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public unsafe void Tensor_spans_and_native_memory_are_normalized_in_place_without_a_copy(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        int length = sample.Input.Length;
        float* pointer = (float*)NativeMemory.Alloc((nuint)Math.Max(1, length), sizeof(float));
        try
        {
            sample.Input.Span.CopyTo(new Span<float>(pointer, length));
            using var manager = new NativeMemoryManager<float>((nint)pointer, length);
            var native = new Tensor<float>(manager.Memory, sample.Case.Shape);
            void Evaluate()
            {
                TensorSpan<float> span = native.AsTensorSpan();
                sample.Layer.Forward(native, native);
                sample.Layer.Forward(span, span);
            }

            void Train()
            {
                sample.Layer.Forward(native, sample.Output.AsTensorSpan(), sample.Context);
                sample.Layer.Backward(native, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context);
            }

            Train();
            Allocations.Least(Train, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "of training");
            sample.Layer.Eval();
            Evaluate();
            Allocations.Least(Evaluate, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "of evaluation");
            Allocations.Least(Evaluate, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "of evaluation on all threads");
        }
        finally
        {
            NativeMemory.Free(pointer);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Passes_with_all_terms_allocate_nothing(string name)
    {
        foreach (Activation activation in (Activation[])[Activation.Relu, Activation.Gelu])
        {
            var sample = new FusedSample<float>(Cases.Named(name) with { Activation = activation }, Terms.All);
            foreach (bool isTraining in (bool[])[true, false])
            {
                void Call() => sample.Run(isTraining);
                Call();
                Allocations.Least(Call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "on this thread");
                Allocations.Least(Call, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "on all threads");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_primitives_allocate_nothing(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        var arrays = new PrimitiveCall<float>(sample);
        void Call()
        {
            arrays.Forward(sample);
            arrays.Backward(sample);
            if (sample.Case.Kind != Kind.Rms)
                PrimitiveCall<float>.Moments(sample, arrays.Mean, arrays.InverseStandardDeviation);
        }

        Call();
        Allocations.Least(Call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "on this thread");
        Allocations.Least(Call, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "on all threads");
    }

    [Theory]
    [InlineData(64, 5)]
    [InlineData(3, 900)]
    public void Virtual_batches_allocate_nothing(int channels, int positions)
    {
        var layer = new BatchNorm1d<float>(channels) { VirtualBatchSize = 8 };
        Tensor<float> input = Tensor<float>.RandomNormal([50, channels, positions], seed: 1), output = new(input.Shape);
        void Call()
        {
            layer.Forward(input, output);
            layer.Backward(output, output);
        }

        Call();
        Allocations.Least(Call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "on this thread");
        Allocations.Least(Call, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "on all threads");
    }

    [Theory]
    [InlineData("Batch [8, 67, 14, 14] tracking")]
    [InlineData("Instance [4, 3, 6, 6] tracking")]
    public void A_recalibration_allocates_nothing_in_its_passes(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        sample.Layer.Eval();
        using Recalibration<float> recalibration = sample.Running!.Recalibrate();
        void Call() => sample.Layer.Forward(sample.Input, sample.Output);
        Call();
        Allocations.Least(Call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "on this thread");
        Allocations.Least(Call, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "on all threads");
    }

    [Fact]
    public void Inputs_of_one_rank_and_another_in_turn_allocate_nothing()
    {
        var layer = new BatchNorm1d<float>(5);
        var context = new ForwardContext<float>();
        Tensor<float> flat = new(6, 5), deep = new(6, 5, 3), flatOutput = new(6, 5), deepOutput = new(6, 5, 3);
        void Call()
        {
            layer.Forward(flat, flatOutput);
            layer.Forward(deep, deepOutput);
            layer.Backward(deep, deepOutput);
            layer.Forward(flat, flatOutput, context);
            layer.Forward(deep, deepOutput, context);
        }

        Call();
        Allocations.Least(Call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0);
    }

    private static void Measure<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        NormalizationLayer<T> layer = sample.Layer;
        (string, Action)[] calls =
        [
            ("training", () =>
            {
                layer.Forward(sample.Input, sample.Output);
                layer.Backward(sample.OutputGradient, sample.InputGradient);
                layer.ZeroGradients();
            }),
            ("training with all frozen that can be", () =>
            {
                Freeze(layer, true);
                layer.Forward(sample.Input, sample.Output);
                layer.Backward(sample.OutputGradient, sample.InputGradient);
                Freeze(layer, false);
            }),
            ("training with a context", () =>
            {
                layer.Forward(sample.Input, sample.Output, sample.Context);
                layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            }),
            ("training with a pass that is repeated", () =>
            {
                layer.Forward(sample.Input, sample.Output, sample.Context);
                sample.Context.ReleaseInput();
                sample.Context.IsRecomputation = true;
                layer.Forward(sample.Input, sample.Output, sample.Context);
                sample.Context.IsRecomputation = false;
                layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            }),
            ("evaluation", () => layer.Forward(sample.Input, sample.Output)),
            ("evaluation with a context", () =>
            {
                layer.Forward(sample.Input, sample.Output, sample.Context);
                layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            }),
        ];
        foreach ((string mode, Action call) in calls)
        {
            if (mode.StartsWith('e'))
                layer.Eval();
            call();
            Allocations.Least(call, GC.GetAllocatedBytesForCurrentThread).Should().Be(0, "of {0} on this thread", mode);
            Allocations.Least(call, static () => GC.GetTotalAllocatedBytes(precise: true)).Should().Be(0, "of {0} on all threads", mode);
        }
    }

    private static void Freeze<T>(NormalizationLayer<T> layer, bool isFrozen) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < layer.Parameters.Count; i++)
            layer.Parameters[i].RequiresGradient = !isFrozen;
        if (layer is RunningStatisticsLayer<T> { RunningMean: not null } running)
            running.UseRunningStatistics = isFrozen;
    }
}
