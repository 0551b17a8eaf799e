using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Storage;

namespace Normalization.MathNet;

/// <summary>The array behind a dense matrix or vector.</summary>
internal static class DenseStorage
{
    /// <summary>The elements column by column; refuses a matrix whose elements are not all stored.</summary>
    public static T[] Elements<T>(Matrix<T> matrix, string name)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(matrix, name);
        return matrix.Storage is DenseColumnMajorMatrixStorage<T> dense
            ? dense.Data
            : throw NotDense<T>(matrix.Storage.GetType().Name, name, "matrix", "Matrix", "DenseOfMatrix");
    }

    public static T[] Elements<T>(Vector<T> vector, string name)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(vector, name);
        return vector.Storage is DenseVectorStorage<T> dense
            ? dense.Data
            : throw NotDense<T>(vector.Storage.GetType().Name, name, "vector", "Vector", "DenseOfVector");
    }

    private static ArgumentException NotDense<T>(string storage, string name, string what, string type, string method) =>
        new(
            $"{name} has the storage {storage.Split('`')[0]}, which does not hold every element, "
            + $"and normalization changes every element, the zeros too. "
            + $"Pass a dense {what}: {type}<{(typeof(T) == typeof(float) ? "float" : "double")}>.Build.{method}({name}).",
            name);
}
