using System.Numerics;
using System.Numerics.Tensors;
using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>
/// Tensor spans whose rows are dense and lie apart, such as the queries of one buffer of queries, keys and values. The kernels work on
/// dense rows in pooled memory.
/// </summary>
internal static class StridedRows
{
    private const int RankOnStack = 8;

    /// <summary>Pooled memory for the elements of a span whose rows of this width lie apart; none for a span that is dense.</summary>
    public static Scratch<T> RentFor<T>(in ReadOnlyTensorSpan<T> tensor, nint width) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        LieApart(tensor.Lengths, tensor.Strides, tensor.FlattenedLength, width) ? new((nint)tensor.FlattenedLength) : default;

    /// <summary>The elements, in pooled memory where there is some.</summary>
    public static ReadOnlySpan<T> Read<T>(in ReadOnlyTensorSpan<T> tensor, nint width, Span<T> pooled, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (pooled.IsEmpty)
            return TensorSpans.Elements(tensor, name);
        var offsets = new Offsets(tensor.Lengths, tensor.Strides, width, stackalloc nint[RankOnStack]);
        ref readonly T first = ref tensor.GetPinnableReference();
        for (Span<T> left = pooled; !left.IsEmpty; left = left[(int)width..], offsets.MoveNext())
            RawMemory.ReadOnlyFrom(in first, offsets.Current, (int)width).CopyTo(left);
        return pooled;
    }

    /// <summary>Where the elements are written: pooled memory where there is some, from which <see cref="Write"/> copies them.</summary>
    public static Span<T> Destination<T>(in TensorSpan<T> tensor, Span<T> pooled, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        pooled.IsEmpty ? TensorSpans.Elements(tensor, name) : pooled;

    /// <summary>Copies the elements from pooled memory, if there is some.</summary>
    public static void Write<T>(ReadOnlySpan<T> pooled, nint width, in TensorSpan<T> tensor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (pooled.IsEmpty)
            return;
        var offsets = new Offsets(tensor.Lengths, tensor.Strides, width, stackalloc nint[RankOnStack]);
        ref T first = ref tensor.GetPinnableReference();
        for (ReadOnlySpan<T> left = pooled; !left.IsEmpty; left = left[(int)width..], offsets.MoveNext())
            left[..(int)width].CopyTo(RawMemory.From(ref first, offsets.Current, (int)width));
    }

    /// <summary>All memory from the first element to the last one, gaps included.</summary>
    public static ReadOnlySpan<T> Extent<T>(in ReadOnlyTensorSpan<T> tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        nint length = tensor.FlattenedLength == 0 ? 0 : 1;
        for (int i = 0; i < tensor.Rank && length > 0; i++)
            length += (tensor.Lengths[i] - 1) * tensor.Strides[i];
        return RawMemory.ReadOnlyFrom(in tensor.GetPinnableReference(), 0, (int)Math.Min(length, Array.MaxLength));
    }

    /// <summary>Whether the rows are dense and the whole is not.</summary>
    private static bool LieApart(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, nint length, nint width)
    {
        if (width == 0 || length == 0 || lengths.Length > RankOnStack)
            return false;
        nint expected = 1;
        for (int i = lengths.Length - 1; i >= 0; i--)
        {
            if (lengths[i] != 1 && strides[i] != expected)
                return expected >= width && expected % width == 0 && strides[i] > 0;
            expected *= lengths[i];
        }
        return false;
    }

    /// <summary>Where each row begins, in the order of the rows.</summary>
    private ref struct Offsets
    {
        private readonly ReadOnlySpan<nint> _lengths;
        private readonly ReadOnlySpan<nint> _strides;
        private readonly Span<nint> _index;

        public Offsets(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, nint width, Span<nint> index)
        {
            int outer = lengths.Length;
            for (nint inner = 1; inner < width; inner *= lengths[outer])
                outer--;
            _lengths = lengths[..outer];
            _strides = strides[..outer];
            _index = index[..outer];
            _index.Clear();
        }

        public nint Current { get; private set; }

        public void MoveNext()
        {
            for (int i = _index.Length - 1; i >= 0; i--)
            {
                Current += _strides[i];
                if (++_index[i] < _lengths[i])
                    return;
                Current -= _lengths[i] * _strides[i];
                _index[i] = 0;
            }
        }
    }
}
