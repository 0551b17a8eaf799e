using System.Numerics.Tensors;

namespace Normalization;

public sealed partial class Tensor<T>
{
    private const int RankOnStack = 8;

    /// <summary>Copies a tensor span, strided or not, into a new tensor.</summary>
    /// <param name="source">The elements to copy.</param>
    /// <returns>The new tensor.</returns>
    /// <exception cref="ArgumentException">The source has a dimension or more elements than a tensor can hold.</exception>
    public static Tensor<T> CopyFrom(in ReadOnlyTensorSpan<T> source)
    {
        int[] shape = new int[source.Rank];
        TensorSpans.CopyShape(source.Lengths, shape, nameof(source));
        Tensor<T> result = Uninitialized(shape);
        source.FlattenTo(result.Span);
        return result;
    }

    /// <summary>Gives the tensor as a span of System.Numerics.Tensors over the same memory.</summary>
    /// <returns>A dense tensor span.</returns>
    public TensorSpan<T> AsTensorSpan()
    {
        Span<nint> lengths = Rank <= RankOnStack ? (stackalloc nint[RankOnStack])[..Rank] : new nint[Rank];
        for (int i = 0; i < lengths.Length; i++)
            lengths[i] = _shape[i];
        return new(Span, lengths);
    }

    /// <summary>Gives the tensor as a read-only span of System.Numerics.Tensors over the same memory.</summary>
    /// <returns>A dense tensor span.</returns>
    public ReadOnlyTensorSpan<T> AsReadOnlyTensorSpan() => AsTensorSpan();

    /// <summary>Converts a tensor to a read-only span of System.Numerics.Tensors over the same memory.</summary>
    /// <param name="tensor">The tensor; null gives an empty span.</param>
    public static implicit operator ReadOnlyTensorSpan<T>(Tensor<T>? tensor) => tensor is null ? default : tensor.AsReadOnlyTensorSpan();
}
