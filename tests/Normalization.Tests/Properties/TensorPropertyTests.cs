using System.Numerics.Tensors;
using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>The laws of shapes and indices, for any rank, empty dimensions included.</summary>
public sealed class TensorPropertyTests
{
    private static readonly Gen<int[]> _shapes = from rank in Gen.Choose(0, 5) from shape in Gen.ArrayOf(Gen.Choose(0, 5), rank) select shape;

    private static readonly Gen<int[]> _filled = from rank in Gen.Choose(1, 5) from shape in Gen.ArrayOf(Gen.Choose(1, 5), rank) select shape;

    private static readonly Gen<(int[] Shape, int[] Index)> _indices =
        from shape in _filled
        from draws in Gen.ArrayOf(Gen.Choose(0, 59), shape.Length)
        select (shape, shape.Zip(draws, static (size, draw) => draw % size).ToArray());

    [Fact]
    public void A_tensor_has_the_product_of_its_sizes_in_elements_all_zero() => Property.Holds(
        _shapes,
        static shape =>
        {
            var tensor = new Tensor<float>(shape);
            return tensor.Length == Product(shape) && tensor.Rank == shape.Length && tensor.Shape.SequenceEqual(shape) && !tensor.Span.ContainsAnyExcept(0);
        });

    [Fact]
    public void An_index_finds_the_element_in_row_major_order() => Property.Holds(
        _indices,
        static drawn =>
        {
            Tensor<double> tensor = Counting(drawn.Shape);
            int offset = 0;
            for (int i = 0; i < drawn.Shape.Length; i++)
                offset += drawn.Index[i] * Product(drawn.Shape[(i + 1)..]);
            return tensor[drawn.Index] == offset;
        });

    [Fact]
    public void An_index_outside_any_dimension_is_refused() => Property.Holds(
        from drawn in _indices from dimension in Gen.Choose(0, drawn.Shape.Length - 1) from isBelow in Gen.Elements(true, false) select (drawn, dimension, isBelow),
        static item =>
        {
            int[] index = [.. item.drawn.Index];
            index[item.dimension] = item.isBelow ? -1 : item.drawn.Shape[item.dimension];
            Tensor<double> tensor = Counting(item.drawn.Shape);
            return Property.Refuses<ArgumentOutOfRangeException>(() => tensor[index] = 1)
                && Property.Refuses<ArgumentException>(() => tensor[[.. item.drawn.Index, 0]] = 1)
                && Property.Refuses<ArgumentException>(() => tensor[item.drawn.Index.AsSpan(1)] = 1);
        });

    [Fact]
    public void Reshaping_there_and_back_is_the_same_memory_in_the_same_order() => Property.Holds(
        from shape in _shapes from seed in Property.Seeds select (shape, seed),
        static drawn =>
        {
            Tensor<double> tensor = Counting(drawn.shape);
            int[] shuffled = [.. drawn.shape];
            new Random(drawn.seed).Shuffle(shuffled);
            Tensor<double> other = tensor.Reshape(shuffled), back = other.Reshape(drawn.shape);
            return other.Shape.SequenceEqual(shuffled) && back.Shape.SequenceEqual(drawn.shape) && back.Span == tensor.Span && other.Span == tensor.Span;
        });

    [Fact]
    public void Minus_one_in_any_dimension_stands_for_its_size() => Property.Holds(
        from shape in _filled from dimension in Gen.Choose(0, shape.Length - 1) select (shape, dimension),
        static drawn =>
        {
            int[] shape = [.. drawn.shape];
            shape[drawn.dimension] = -1;
            return Counting(drawn.shape).Reshape(-1).Reshape(shape).Shape.SequenceEqual(drawn.shape);
        });

    [Fact]
    public void Another_number_of_elements_is_refused_by_reshape_and_by_every_constructor() => Property.Holds(
        from shape in _filled from other in _shapes where Product(shape) != Product(other) select (shape, other),
        static drawn =>
        {
            Tensor<double> tensor = Counting(drawn.shape);
            return Property.Refuses<ArgumentException>(() => tensor.Reshape(drawn.other))
                && Property.Refuses<ArgumentException>(() => _ = new Tensor<double>(tensor.Memory, drawn.other))
                && Property.Refuses<ArgumentException>(() => _ = new Tensor<double>(tensor.Span.ToArray(), drawn.other));
        });

    [Fact]
    public void A_negative_size_in_any_dimension_is_refused_even_beside_an_empty_one() => Property.Holds(
        from shape in _shapes from position in Gen.Choose(0, shape.Length) from size in Gen.Choose(-5, -1) select (shape, position, size),
        static drawn =>
        {
            int[] shape = [.. drawn.shape[..drawn.position], drawn.size, .. drawn.shape[drawn.position..]];
            return Property.Refuses<ArgumentOutOfRangeException>(() => _ = new Tensor<float>(shape))
                && Property.Refuses<ArgumentOutOfRangeException>(() => Tensor<float>.Uninitialized(shape));
        });

    [Fact]
    public void A_clone_is_equal_and_has_memory_of_its_own() => Property.Holds(
        _filled,
        static shape =>
        {
            Tensor<double> tensor = Counting(shape), clone = tensor.Clone();
            clone.Span[^1] = -1;
            return clone.Shape.SequenceEqual(shape) && clone.Span[..^1].SequenceEqual(tensor.Span[..^1]) && tensor.Span[^1] == tensor.Length - 1;
        });

    [Fact]
    public void A_copy_goes_to_a_tensor_of_the_same_shape_and_to_no_other() => Property.Holds(
        from shape in _filled from other in _filled select (shape, other),
        static drawn =>
        {
            Tensor<double> tensor = Counting(drawn.shape), destination = new(drawn.other);
            return drawn.shape.SequenceEqual(drawn.other)
                ? CopiesTo(destination)
                : Property.Refuses<ArgumentException>(() => tensor.CopyTo(destination)) && !destination.Span.ContainsAnyExcept(0) && CopiesTo(new(drawn.shape));

            bool CopiesTo(Tensor<double> same)
            {
                tensor.CopyTo(same);
                return same.Span.SequenceEqual(tensor.Span);
            }
        });

    [Fact]
    public void A_tensor_span_shows_the_same_elements_and_copies_back_from_any_slice() => Property.Holds(
        _indices,
        static drawn =>
        {
            Tensor<double> tensor = Counting(drawn.Shape);
            ReadOnlyTensorSpan<double> view = tensor;
            Tensor<double> copy = Tensor<double>.CopyFrom(view), corner = Tensor<double>.CopyFrom(view.Slice([.. drawn.Index.Select(static i => (nint)i)]));
            int[] rest = [.. drawn.Shape.Zip(drawn.Index, static (size, i) => size - i)];
            return copy.Shape.SequenceEqual(drawn.Shape)
                && copy.Span.SequenceEqual(tensor.Span)
                && corner.Shape.SequenceEqual(rest)
                && corner.Span[0] == tensor[drawn.Index]
                && corner.Span[^1] == tensor.Span[^1];
        });

    [Fact]
    public void Tensor_spans_train_with_the_bits_of_tensors() => Property.Holds(
        Property.Cases,
        static item =>
        {
            var sample = new Sample<float>(item);
            sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan(), sample.Context);
            sample.Layer.Backward(sample.Input, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context);
            return sample.Bits().SequenceEqual(new Sample<float>(item).Run().Bits());
        });

    private static Tensor<double> Counting(int[] shape)
    {
        Tensor<double> tensor = new(shape);
        for (int i = 0; i < tensor.Length; i++)
            tensor.Span[i] = i;
        return tensor;
    }

    private static int Product(int[] sizes) => sizes.Aggregate(1, static (product, size) => product * size);
}
