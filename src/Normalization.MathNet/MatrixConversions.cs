using System.Runtime.InteropServices;
using MathNet.Numerics.LinearAlgebra;

namespace Normalization.MathNet;

/// <summary>Matrices and vectors of Math.NET Numerics as tensors, and tensors as matrices and vectors.</summary>
/// <remarks>
/// <para>
/// A dense matrix stores its elements column by column, a tensor row by row. The memory of a matrix of N rows and C columns is
/// therefore that of a tensor of shape [1, C, N], and not that of [N, C]: a tensor [N, C] over the array of the matrix would mix
/// samples and features without any error. <see cref="AsTensor{T}(Matrix{T})"/> gives the right shape without a copy, and
/// <see cref="ToRowMajorTensor{T}"/> copies to [N, C].
/// </para>
/// <para>What shares memory shares it both ways: a change of one is a change of the other.</para>
/// </remarks>
/// <example>
/// <code>
/// Matrix&lt;float> matrix = Matrix&lt;float>.Build.Random(4, 3);
/// Tensor&lt;float> columns = matrix.AsTensor();        // [1, 3, 4] over the memory of the matrix: a column is a channel
/// Tensor&lt;float> rows = matrix.ToRowMajorTensor();   // [4, 3], a copy
/// Matrix&lt;float> normalized = new LayerNorm&lt;float>(3).Forward(rows).ToMatrix();
/// </code>
/// </example>
public static class MatrixConversions
{
    /// <summary>Shows a dense matrix of N rows and C columns as a tensor of shape [1, C, N], without a copy.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="matrix">The matrix.</param>
    /// <returns>A tensor over the memory of the matrix: element [0, c, n] is the element of row n and column c.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="matrix"/> is null.</exception>
    /// <exception cref="ArgumentException">The storage of the matrix is not dense.</exception>
    public static Tensor<T> AsTensor<T>(this Matrix<T> matrix)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        new(DenseStorage.Elements(matrix, nameof(matrix)), 1, matrix.ColumnCount, matrix.RowCount);

    /// <summary>Shows a dense vector as a tensor of one dimension, without a copy.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="vector">The vector.</param>
    /// <returns>A tensor over the memory of the vector.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="vector"/> is null.</exception>
    /// <exception cref="ArgumentException">The storage of the vector is not dense.</exception>
    public static Tensor<T> AsTensor<T>(this Vector<T> vector)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        new(DenseStorage.Elements(vector, nameof(vector)), vector.Count);

    /// <summary>Copies a dense matrix of N rows and C columns to a tensor of shape [N, C].</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="matrix">The matrix.</param>
    /// <returns>A new tensor: element [n, c] is the element of row n and column c.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="matrix"/> is null.</exception>
    /// <exception cref="ArgumentException">The storage of the matrix is not dense.</exception>
    public static Tensor<T> ToRowMajorTensor<T>(this Matrix<T> matrix)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        T[] elements = DenseStorage.Elements(matrix, nameof(matrix));
        Tensor<T> result = Tensor<T>.Uninitialized(matrix.RowCount, matrix.ColumnCount);
        Transposition.Run<T>(elements, result.Span, matrix.ColumnCount, matrix.RowCount);
        return result;
    }

    /// <summary>Shows a tensor of shape [1, C, N] as a matrix of N rows and C columns, without a copy.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="tensor">The tensor; it has at least one element, as every matrix of Math.NET Numerics has.</param>
    /// <returns>A matrix over the memory of the tensor.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// The tensor has another shape, for example [N, C], which <see cref="ToMatrix{T}"/> copies; or its memory is not exactly one array,
    /// as that of tensors of 85,000 bytes or more and of native memory is not.
    /// </exception>
    public static Matrix<T> AsMatrix<T>(this Tensor<T> tensor)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Rank != 3 || tensor.Shape[0] != 1)
        {
            throw new ArgumentException(
                $"expected a tensor of shape [1, C, N], got {Format(tensor)}; a matrix stores its columns one after another. "
                + "ToMatrix copies a tensor of shape [N, C].",
                nameof(tensor));
        }
        return Matrix<T>.Build.Dense(tensor.Shape[2], tensor.Shape[1], WholeArray(tensor, "a matrix", nameof(ToMatrix)));
    }

    /// <summary>Shows a tensor of one dimension as a vector, without a copy.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="tensor">The tensor, for example the value of a parameter; it has at least one element.</param>
    /// <returns>A vector over the memory of the tensor.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    /// <exception cref="ArgumentException">The tensor has another rank, or its memory is not exactly one array.</exception>
    public static Vector<T> AsVector<T>(this Tensor<T> tensor)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        GuardRank(tensor, 1, "[C]");
        return Vector<T>.Build.Dense(WholeArray(tensor, "a vector", nameof(ToVector)));
    }

    /// <summary>Copies a tensor of shape [N, C] to a matrix of N rows and C columns.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="tensor">The tensor; it has at least one element.</param>
    /// <returns>A new dense matrix.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    /// <exception cref="ArgumentException">The tensor has another rank.</exception>
    public static Matrix<T> ToMatrix<T>(this Tensor<T> tensor)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        GuardRank(tensor, 2, "[N, C]");
        int rows = tensor.Shape[0], columns = tensor.Shape[1];
        var elements = new T[tensor.Length];
        Transposition.Run<T>(tensor.Span, elements, rows, columns);
        return Matrix<T>.Build.Dense(rows, columns, elements);
    }

    /// <summary>Copies a tensor of one dimension to a vector.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="tensor">The tensor; it has at least one element.</param>
    /// <returns>A new dense vector.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    /// <exception cref="ArgumentException">The tensor has another rank.</exception>
    public static Vector<T> ToVector<T>(this Tensor<T> tensor)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        GuardRank(tensor, 1, "[C]");
        return Vector<T>.Build.Dense(tensor.Span.ToArray());
    }

    private static void GuardRank<T>(Tensor<T> tensor, int rank, string expected)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Rank != rank)
            throw new ArgumentException($"expected a tensor of shape {expected}, got {Format(tensor)}", nameof(tensor));
    }

    private static T[] WholeArray<T>(Tensor<T> tensor, string what, string copy)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        if (MemoryMarshal.TryGetArray(tensor.Memory, out ArraySegment<T> segment) && segment.Array!.Length == tensor.Length)
            return segment.Array;
        throw new ArgumentException(
            $"The memory of the tensor {Format(tensor)} is not exactly one array, "
            + $"which {what} of Math.NET Numerics needs; {copy} makes a copy.",
            nameof(tensor));
    }

    private static string Format<T>(Tensor<T> tensor)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => $"[{string.Join(", ", tensor.Shape.ToArray())}]";
}
