using System.Numerics;
using System.Numerics.Tensors;
using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>Tensor spans of System.Numerics.Tensors as shapes and dense memory.</summary>
internal static class TensorSpans
{
    /// <summary>Writes the sizes as this library counts them.</summary>
    public static void CopyShape(ReadOnlySpan<nint> lengths, Span<int> shape, string name)
    {
        for (int i = 0; i < shape.Length; i++)
        {
            if (lengths[i] > Array.MaxLength)
                throw new ArgumentException($"A dimension has at most {Array.MaxLength} elements, got {lengths[i]}.", name);
            shape[i] = (int)lengths[i];
        }
    }

    public static void GuardShape(ReadOnlySpan<nint> lengths, ReadOnlySpan<int> expected, string name)
    {
        bool isSame = lengths.Length == expected.Length;
        for (int i = 0; isSame && i < expected.Length; i++)
            isSame = lengths[i] == expected[i];
        if (!isSame)
            throw new ArgumentException($"expected {name} {Shape.Format(expected)}, got {Format(lengths)}", name);
    }

    /// <summary>The elements of a dense tensor span, in row-major order.</summary>
    public static ReadOnlySpan<T> Elements<T>(in ReadOnlyTensorSpan<T> tensor, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardDense(tensor.Lengths, tensor.Strides, tensor.FlattenedLength, name);
        return RawMemory.ReadOnlyFrom(in tensor.GetPinnableReference(), (int)tensor.FlattenedLength);
    }

    /// <summary>The elements of a dense tensor span, in row-major order.</summary>
    public static Span<T> Elements<T>(in TensorSpan<T> tensor, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardDense(tensor.Lengths, tensor.Strides, tensor.FlattenedLength, name);
        return RawMemory.From(ref tensor.GetPinnableReference(), (int)tensor.FlattenedLength);
    }

    /// <summary>The stride of a single element says nothing; an empty span has no elements to be apart.</summary>
    private static void GuardDense(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, nint length, string name)
    {
        if (length > Array.MaxLength)
            throw new ArgumentException($"{name} has at most {Array.MaxLength} elements, got {length}.", name);
        nint expected = 1;
        for (int i = lengths.Length - 1; length > 0 && i >= 0; i--)
        {
            if (lengths[i] != 1 && strides[i] != expected)
            {
                throw new ArgumentException(
                    $"{name} is strided: the strides of the shape {Format(lengths)} are {Format(strides)}. Layers read and write dense, "
                        + "row-major memory, and layers over rows also dense rows that lie apart; copy to a dense tensor before "
                        + "(Tensor<T>.CopyFrom) and from one after (CopyTo).",
                    name);
            }
            expected *= lengths[i];
        }
    }

    private static string Format(ReadOnlySpan<nint> values) => $"[{Shape.List(values.ToArray())}]";
}
