using System.Runtime.InteropServices;
using MathNet.Numerics.Providers.LinearAlgebra;

namespace Normalization.Training.Networks;

/// <summary>Products of row-major matrices by Math.NET Numerics, without copies.</summary>
internal static class MatrixProduct
{
    /// <summary>Writes C = A·B, or adds it to C; A and B are read transposed on request.
    /// C is [rows, columns], the shared length is <paramref name="inner"/>.</summary>
    /// <remarks>Math.NET is column-major, and a row-major matrix read column by column is its transpose:
    /// so this asks for Cᵀ = Bᵀ·Aᵀ.</remarks>
    public static void Multiply(
        Tensor<float> a, Tensor<float> b, Tensor<float> c, int rows, int inner, int columns,
        bool transposeA = false, bool transposeB = false, bool add = false)
    {
        LinearAlgebraControl.Provider.MatrixMultiplyWithUpdate(
            transposeB ? Transpose.Transpose : Transpose.DontTranspose,
            transposeA ? Transpose.Transpose : Transpose.DontTranspose,
            1f,
            ArrayOf(b), transposeB ? inner : columns, transposeB ? columns : inner,
            ArrayOf(a), transposeA ? rows : inner, transposeA ? inner : rows,
            add ? 1f : 0f,
            ArrayOf(c));
    }

    private static float[] ArrayOf(Tensor<float> tensor) =>
        MemoryMarshal.TryGetArray<float>(tensor.Memory, out ArraySegment<float> segment) && segment.Count == segment.Array!.Length
            ? segment.Array
            : throw new ArgumentException("the tensor must be a whole array", nameof(tensor));
}
