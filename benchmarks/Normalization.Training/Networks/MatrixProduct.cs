using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>Products of row-major matrices, one row at a time. C is [rows, columns], the shared length is <c>inner</c>.</summary>
internal static class MatrixProduct
{
    /// <summary>Writes C = A·B, or adds it to C; A is read transposed on request.</summary>
    public static void Multiply(
        Tensor<float> a, Tensor<float> b, Tensor<float> c, int rows, int inner, int columns, bool transposeA = false, bool add = false)
    {
        ReadOnlySpan<float> factors = a.Span;
        if (!add)
            c.Span[..(rows * columns)].Clear();

        for (int i = 0; i < rows; i++)
        {
            Span<float> result = c.Span.Slice(i * columns, columns);
            for (int k = 0; k < inner; k++)
            {
                float factor = transposeA ? factors[k * rows + i] : factors[i * inner + k];
                TensorPrimitives.MultiplyAdd(b.Span.Slice(k * columns, columns), factor, result, result);
            }
        }
    }

    /// <summary>Writes C = A·Bᵀ, or adds it to C.</summary>
    public static void MultiplyByTransposed(
        Tensor<float> a, Tensor<float> b, Tensor<float> c, int rows, int inner, int columns, bool add = false)
    {
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<float> row = a.Span.Slice(i * inner, inner);
            Span<float> result = c.Span.Slice(i * columns, columns);
            for (int j = 0; j < columns; j++)
            {
                float product = TensorPrimitives.Dot(row, b.Span.Slice(j * inner, inner));
                result[j] = add ? result[j] + product : product;
            }
        }
    }
}
