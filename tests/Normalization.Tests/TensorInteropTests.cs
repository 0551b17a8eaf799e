using System.Numerics.Tensors;
using Tensor = Normalization.Tensor<float>;

namespace Normalization.Tests;

public sealed class TensorInteropTests
{
    [Fact]
    public void A_tensor_span_shares_the_memory_and_the_shape()
    {
        var tensor = new Tensor([1, 2, 3, 4, 5, 6], 2, 3);
        TensorSpan<float> span = tensor.AsTensorSpan();
        span.Lengths.ToArray().Should().Equal(2, 3);
        span[1, 2] = 60;
        tensor[1, 2].Should().Be(60);
        ReadOnlyTensorSpan<float> readOnly = tensor.AsReadOnlyTensorSpan(), implied = tensor;
        readOnly[1, 2].Should().Be(60);
        implied[1, 0].Should().Be(4);
        ReadOnlyTensorSpan<float> none = (Tensor?)null;
        none.FlattenedLength.Should().Be(0);
    }

    [Fact]
    public void A_span_may_have_many_dimensions()
    {
        int[] shape = [1, 1, 1, 1, 1, 1, 1, 1, 2, 3];
        Tensor tensor = Tensor.RandomNormal(shape, seed: 1), output = new(shape);
        tensor.AsTensorSpan().Lengths.ToArray().Should().Equal([.. shape.Select(static size => (nint)size)]);
        var layer = new LayerNorm<float>(3);
        layer.Eval();
        layer.Forward(tensor.AsReadOnlyTensorSpan(), output.AsTensorSpan());
        output.Span.ToArray().Should().Equal(layer.Forward(tensor).Span.ToArray());
    }

    [Fact]
    public void An_empty_tensor_has_an_empty_span()
    {
        ReadOnlyTensorSpan<float> span = new Tensor(0, 3);
        span.FlattenedLength.Should().Be(0);
        Tensor.CopyFrom(span).Length.Should().Be(0);
    }

    [Fact]
    public void A_strided_span_is_copied_in_its_own_order()
    {
        float[] data = [.. Enumerable.Range(0, 24).Select(static i => (float)i)];
        ReadOnlyTensorSpan<float> whole = new(data, [4, 6]);
        Tensor part = Tensor.CopyFrom(whole[1..3, 2..5]);
        part.Shape.ToArray().Should().Equal(2, 3);
        part.Span.ToArray().Should().Equal(8, 9, 10, 14, 15, 16);
        Tensor columns = Tensor.CopyFrom(new ReadOnlyTensorSpan<float>(data, [3, 4], [1, 6]));
        columns.Span.ToArray().Should().Equal(0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20);
        Tensor repeated = Tensor.CopyFrom(new ReadOnlyTensorSpan<float>(data, [2, 3], [0, 1]));
        repeated.Span.ToArray().Should().Equal(0, 1, 2, 0, 1, 2);
        part[0, 0] = -1;
        data[8].Should().Be(8, "a copy is a copy");
    }

    [Fact]
    public void TensorPrimitives_sees_what_a_layer_has_written()
    {
        Tensor output = new LayerNorm<float>(100).Forward(Tensor.RandomNormal([1, 100], 1, 5, 3));
        TensorPrimitives.Sum<float>(output.Span).Should().BeApproximately(0, 1e-4f);
        TensorPrimitives.SumOfSquares<float>(output.Span).Should().BeApproximately(100, 1e-3f);
    }
}
