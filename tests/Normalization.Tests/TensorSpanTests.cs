using System.Numerics;
using System.Numerics.Tensors;

namespace Normalization.Tests;

/// <summary>The layers on the tensor spans of System.Numerics.Tensors.</summary>
public sealed class TensorSpanTests
{
    private const string Small = "Batch [4, 5, 3] tracking";

    private delegate void Call(Sample<float> sample);

    public static TheoryData<string> All => Cases.All();

    [Theory]
    [MemberData(nameof(All))]
    public void Spans_have_the_bits_of_tensors(string name)
    {
        Compare<float>(name);
        Compare<double>(name);
    }

    [Fact]
    public void The_tensors_of_System_Numerics_Tensors_go_straight_in()
    {
        var input = System.Numerics.Tensors.Tensor.Create([1f, 2, 3, 4, 10, 20, 30, 40], [2, 4]);
        var output = System.Numerics.Tensors.Tensor.CreateFromShape<float>([2, 4]);
        var layer = new LayerNorm<float>(4);
        layer.Eval();
        layer.Forward(input, output);
        Tensor<float> expected = layer.Forward(Tensor<float>.CopyFrom(input));
        for (int i = 0; i < 8; i++)
            output[i / 4, i % 4].Should().Be(expected.Span[i]);
        layer.Forward(input, input);
        input[1, 3].Should().Be(output[1, 3]);
    }

    [Theory]
    [InlineData(new int[] { 6, 1, 5 })]
    [InlineData(new int[] { 1, 6, 1, 5, 1 })]
    [InlineData(new int[] { 1, 2, 1, 3, 1, 5, 1, 1, 1 })]
    public void Dimensions_of_one_element_and_many_dimensions_are_dense(int[] shape)
    {
        var layer = new LayerNorm<float>(shape.AsSpan(^3..));
        Tensor<float> input = Tensor<float>.RandomNormal(shape, 1), output = new(shape);
        nint[] lengths = Array.ConvertAll(shape, static size => (nint)size);
        layer.Eval();
        layer.Forward(new ReadOnlyTensorSpan<float>(input.Span, lengths), new TensorSpan<float>(output.Span, lengths));
        output.Span.SequenceEqual(layer.Forward(input).Span).Should().BeTrue();
    }

    [Fact]
    public void A_dense_part_of_a_larger_tensor_is_normalized_where_it_lies()
    {
        Tensor<float> whole = Tensor<float>.RandomNormal([4, 6], 1), before = whole.Clone();
        var layer = new LayerNorm<float>(6);
        layer.Eval();
        TensorSpan<float> rows = whole.AsTensorSpan()[1..3, ..];
        layer.Forward(rows, rows);
        whole.Span[6..18].SequenceEqual(layer.Forward(new Tensor<float>(before.Memory[6..18], 2, 6)).Span).Should().BeTrue();
        whole.Span[..6].SequenceEqual(before.Span[..6]).Should().BeTrue();
        whole.Span[18..].SequenceEqual(before.Span[18..]).Should().BeTrue();
    }

    [Fact]
    public void A_strided_span_is_refused_with_its_strides()
    {
        const string Strided = "*is strided*[4, 5, 3] are [*row-major*Tensor<T>.CopyFrom*";
        var wide = new Tensor<float>(4, 5, 6);
        Refuse<ArgumentException>("input " + Strided, sample => sample.Layer.Forward(wide.AsReadOnlyTensorSpan()[.., .., 1..4], sample.Output.AsTensorSpan()), isTraining: false);
        Refuse<ArgumentException>("output " + Strided, sample => sample.Layer.Forward(sample.Input, wide.AsTensorSpan()[.., .., 1..4]), isTraining: false);
        Refuse<ArgumentException>("input*[4, 5, 3] are [15, 1, 5]*", static sample =>
            sample.Layer.Forward(new ReadOnlyTensorSpan<float>(sample.Input.Span, [4, 5, 3], [15, 1, 5]), sample.Output.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("input*[4, 5, 3] are [0, 3, 1]*", static sample =>
            sample.Layer.Forward(new ReadOnlyTensorSpan<float>(sample.Input.Span, [4, 5, 3], [0, 3, 1]), sample.Output.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("input " + Strided, sample =>
            sample.Layer.Backward(wide.AsReadOnlyTensorSpan()[.., .., 1..4], sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("outputGradient " + Strided, sample =>
            sample.Layer.Backward(sample.Input, wide.AsReadOnlyTensorSpan()[.., .., 1..4], sample.InputGradient.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("inputGradient " + Strided, sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, wide.AsTensorSpan()[.., .., 1..4], sample.Context));
    }

    [Fact]
    public void A_wrong_shape_is_refused_naming_expected_and_given()
    {
        var other = new Tensor<float>(4, 5, 2);
        Refuse<ArgumentException>("expected input [N, 5] or [N, 5, L], got [4, 6]*", static sample =>
            sample.Layer.Forward(new Tensor<float>(4, 6), sample.Output.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("expected input [N, 5] or [N, 5, L], got []*", static sample => sample.Layer.Forward(default(ReadOnlyTensorSpan<float>), default(TensorSpan<float>), sample.Context));
        Refuse<ArgumentException>("expected output [4, 5, 3], got [4, 5, 2]*", sample => sample.Layer.Forward(sample.Input, other.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("expected output [4, 5, 3], got []*", sample => sample.Layer.Forward(sample.Input, default(TensorSpan<float>), sample.Context));
        Refuse<ArgumentException>("expected input [4, 5, 3], got [4, 5, 2]*", sample =>
            sample.Layer.Backward(other, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("expected outputGradient [4, 5, 3], got [4, 5, 2]*", sample =>
            sample.Layer.Backward(sample.Input, other, sample.InputGradient.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("expected inputGradient [4, 5, 3], got [4, 5, 2]*", sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, other.AsTensorSpan(), sample.Context));
    }

    [Fact]
    public unsafe void A_span_too_large_for_this_library_is_refused_before_it_is_touched()
    {
        nint large = (nint)1 << 31, half = large / 2;
        Refuse<ArgumentException>("A dimension has at most *, got 2147483648.*", sample =>
            sample.Layer.Forward(new ReadOnlyTensorSpan<float>((float*)64, large, [large]), sample.Output.AsTensorSpan(), sample.Context));
        var layer = new LayerNorm<float>(2);
        layer.Eval();
        FluentActions.Invoking(() => layer.Forward(
            new ReadOnlyTensorSpan<float>((float*)64, large, [half, 2]), new TensorSpan<float>((float*)64, large, [half, 2])))
            .Should().Throw<ArgumentException>().WithMessage("input has at most *, got 2147483648.*");
    }

    [Fact]
    public void Memory_that_overlaps_is_refused()
    {
        Refuse<ArgumentException>("*output overlaps input, which the backward pass needs*", static sample =>
            sample.Layer.Forward(sample.Input, sample.Input.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("*partly overlaps*", static sample =>
            sample.Layer.Forward(sample.Input, Shifted(sample.Input).AsTensorSpan()), isTraining: false);
        Refuse<ArgumentException>("inputGradient must not overlap input*", static sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.Input.AsTensorSpan(), sample.Context));
        Refuse<ArgumentException>("*must not overlap*", static sample => sample.Layer.Forward(
            new Tensor<float>(1, 5), sample.Running!.RunningMean!.Reshape(1, 5).AsTensorSpan()), isTraining: false);
    }

    [Fact]
    public void Calls_in_the_wrong_order_are_refused()
    {
        Refuse<InvalidOperationException>("*a tensor span cannot be*ForwardContext*Eval()*", static sample =>
            sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan()));
        Refuse<InvalidOperationException>("No forward pass is remembered*", static sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), new ForwardContext<float>()));
        Sample<float> other = new Sample<float>(Cases.Named(Small)).Run();
        Refuse<InvalidOperationException>("*another layer*", sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), other.Context));
        Refuse<ArgumentNullException>("*'context'*", static sample => sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan(), null!));
        Refuse<ArgumentNullException>("*'context'*", static sample =>
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), null!));
    }

    [Fact]
    public void A_context_of_spans_says_that_it_has_no_input()
    {
        var sample = new Sample<float>(Cases.Named(Small));
        sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan(), sample.Context);
        sample.Context.Input.Should().BeNull();
        sample.Context.GroupCount.Should().Be(5);
        FluentActions.Invoking(() => sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context)).Should()
            .Throw<InvalidOperationException>().WithMessage("*tensor spans*Pass the input to Backward again*");
    }

    [Fact]
    public void A_context_of_tensors_serves_spans_too()
    {
        Sample<float> sample = new Sample<float>(Cases.Named(Small)).Run();
        long[] expected = Values.Bits(sample.InputGradient);
        sample.InputGradient.Fill(0);
        sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context);
        Values.Bits(sample.InputGradient).Should().Equal(expected);
    }

    private static void Compare<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            Sample<T> expected = new Sample<T>(Cases.Named(name)).Run(isTraining), sample = new(Cases.Named(name));
            if (!isTraining)
                sample.Layer.Eval();
            sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan(), sample.Context);
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context);
            sample.Bits().AsSpan().SequenceEqual(expected.Bits()).Should().BeTrue();
            (sample.Running?.BatchesTracked).Should().Be(expected.Running?.BatchesTracked);
        }
        var evaluation = new Sample<T>(Cases.Named(name));
        evaluation.Layer.Eval();
        evaluation.Layer.Forward(evaluation.Input, evaluation.Output);
        TensorSpan<T> span = evaluation.Input.AsTensorSpan();
        evaluation.Layer.Forward(span, span);
        evaluation.Input.Span.SequenceEqual(evaluation.Output.Span).Should().BeTrue("in place");
    }

    /// <summary>The same memory but one element earlier.</summary>
    private static Tensor<float> Shifted(Tensor<float> tensor) => new(Sample<float>.Around(tensor).AsMemory(0, tensor.Length), tensor.Shape);

    private static void Refuse<TException>(string message, Call call, bool isTraining = true) where TException : Exception
    {
        Sample<float> sample = new Sample<float>(Cases.Named(Small)).Run(isTraining);
        long[] before = Everything(sample);
        FluentActions.Invoking(() => call(sample)).Should().Throw<TException>().WithMessage(message);
        Everything(sample).Should().Equal(before);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
    }

    private static long[] Everything(Sample<float> sample) =>
        [.. sample.Bits(), .. Values.Bits(sample.Input), .. Values.Bits(sample.OutputGradient), sample.Running!.BatchesTracked];
}
