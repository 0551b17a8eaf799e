using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Normalization.Tests;

/// <summary>Layers on memory that the runtime does not know.</summary>
public sealed unsafe class NativeMemoryTests
{
    private static readonly string[] _cases =
        ["Batch [4, 5, 3] tracking", "Instance [4, 3, 15]", "Group [4, 6, 5] groups 3", "Layer [100, 773] over 1", "Rms [100, 773] over 1 epsilon 1E-06"];

    public static TheoryData<string> Layers => [.. _cases];

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_native_buffer_is_normalized_in_place(string name)
    {
        InPlace<float>(name);
        InPlace<double>(name);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_layer_trains_on_native_buffers(string name)
    {
        Sample<float> sample = new(Cases.Named(name)), expected = new Sample<float>(Cases.Named(name)).Run();
        int length = sample.Input.Length;
        float* pointer = (float*)NativeMemory.Alloc((nuint)(4 * length), sizeof(float));
        try
        {
            using var manager = new NativeMemoryManager<float>((nint)pointer, 4 * length);
            Tensor<float>[] tensors = [.. Enumerable.Range(0, 4).Select(i => new Tensor<float>(manager.Memory.Slice(i * length, length), sample.Case.Shape))];
            sample.Input.CopyTo(tensors[0]);
            sample.OutputGradient.CopyTo(tensors[2]);
            sample.Layer.Forward(tensors[0], tensors[1]);
            sample.Layer.Backward(tensors[2], tensors[3]);
            new Span<float>(pointer + length, length).SequenceEqual(expected.Output.Span).Should().BeTrue();
            new Span<float>(pointer + (3 * length), length).SequenceEqual(expected.InputGradient.Span).Should().BeTrue();
        }
        finally
        {
            NativeMemory.Free(pointer);
        }
    }

    [Fact]
    public void Disposal_ends_every_use_before_the_memory_goes()
    {
        float* pointer = (float*)NativeMemory.AllocZeroed(12, sizeof(float));
        IMemoryOwner<float> manager = new NativeMemoryManager<float>((nint)pointer, 12);
        var tensor = new Tensor<float>(manager.Memory, 4, 3);
        var layer = new BatchNorm1d<float>(3);
        layer.Forward(tensor);
        manager.Dispose();
        manager.Dispose();
        NativeMemory.Free(pointer);
        FluentActions.Invoking(() => tensor.Span.Length).Should().Throw<ObjectDisposedException>();
        layer.Invoking(item => item.Forward(tensor)).Should().Throw<ObjectDisposedException>();
        layer.Invoking(static item => item.Backward(new Tensor<float>(4, 3))).Should().Throw<ObjectDisposedException>();
        FluentActions.Invoking(() => ((NativeMemoryManager<float>)manager).Pin()).Should().Throw<ObjectDisposedException>();
        layer.BatchesTracked.Should().Be(1, "a call that throws changes nothing");
        layer.Bias!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void The_elements_and_the_handles_are_those_of_the_address()
    {
        double* pointer = stackalloc double[] { 1, 2, 3 };
        using var manager = new NativeMemoryManager<double>((nint)pointer, 3);
        manager.GetSpan().ToArray().Should().Equal(1, 2, 3);
        manager.Memory.Length.Should().Be(3);
        manager.Memory.Span[1] = 20;
        pointer[1].Should().Be(20);
        using MemoryHandle handle = manager.Memory[1..].Pin(), end = manager.Pin(3);
        ((nint)handle.Pointer).Should().Be((nint)(pointer + 1));
        ((nint)end.Pointer).Should().Be((nint)(pointer + 3));
        manager.Unpin();
        FluentActions.Invoking(() => manager.Pin(4)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => manager.Pin(-1)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void An_impossible_address_or_length_is_refused()
    {
        FluentActions.Invoking(() => new NativeMemoryManager<float>(64, -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*length*-1*");
        FluentActions.Invoking(() => new NativeMemoryManager<float>(0, 1)).Should().Throw<ArgumentException>().WithMessage("*1 elements*zero*");
        FluentActions.Invoking(() => new NativeMemoryManager<float>(66, 1)).Should().Throw<ArgumentException>().WithMessage("*0x42*not aligned*Single*");
        FluentActions.Invoking(() => new NativeMemoryManager<double>(68, 1)).Should().Throw<ArgumentException>().WithMessage("*not aligned*Double*");
        FluentActions.Invoking(() => new NativeMemoryManager<Half>(64, 1)).Should().Throw<NotSupportedException>();
        new NativeMemoryManager<float>(0, 0).GetSpan().Length.Should().Be(0);
    }

    private static void InPlace<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        sample.Layer.Eval();
        sample.Layer.Forward(sample.Input, sample.Output);
        int length = sample.Input.Length;
        T* pointer = (T*)NativeMemory.Alloc((nuint)length, (nuint)sizeof(T));
        try
        {
            var native = new Span<T>(pointer, length);
            using (var manager = new NativeMemoryManager<T>((nint)pointer, length))
            {
                sample.Input.Span.CopyTo(native);
                var tensor = new Tensor<T>(manager.Memory, sample.Case.Shape);
                sample.Layer.Forward(tensor, tensor);
                native.SequenceEqual(sample.Output.Span).Should().BeTrue();
            }
            sample.Input.Span.CopyTo(native);
            var span = new TensorSpan<T>(pointer, length, Array.ConvertAll(sample.Case.Shape, static size => (nint)size));
            sample.Layer.Forward(span, span);
            native.SequenceEqual(sample.Output.Span).Should().BeTrue();
        }
        finally
        {
            NativeMemory.Free(pointer);
        }
    }
}
