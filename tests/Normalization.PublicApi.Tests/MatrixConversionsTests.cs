using MathNet.Numerics.LinearAlgebra;
using Normalization.MathNet;

namespace Normalization.PublicApi.Tests;

/// <summary>Matrices store their columns one after another, tensors their rows.</summary>
public sealed class MatrixConversionsTests
{
    private static readonly Matrix<float> Matrix = Matrix<float>.Build.DenseOfArray(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } });

    [Fact]
    public void A_matrix_is_a_tensor_of_its_columns_over_the_same_memory()
    {
        Matrix<float> matrix = Matrix.Clone();
        Tensor<float> tensor = matrix.AsTensor();
        tensor.Shape.ToArray().Should().Equal(1, 3, 2);
        tensor.Span.ToArray().Should().Equal(1, 4, 2, 5, 3, 6);
        tensor[0, 2, 1] = 7;
        matrix[1, 2].Should().Be(7);
        Matrix<float> back = tensor.AsMatrix();
        back.Should().Be(matrix);
        back[0, 0] = 8;
        matrix[0, 0].Should().Be(8);
    }

    [Fact]
    public void A_copy_has_the_rows_of_the_matrix_at_every_size()
    {
        Matrix.ToRowMajorTensor().Span.ToArray().Should().Equal(1, 2, 3, 4, 5, 6);
        foreach ((int rows, int columns) in ((int, int)[])[(1, 1), (1, 40), (40, 1), (15, 17), (33, 32)])
        {
            Tensor<double> tensor = Tensor<double>.RandomNormal([rows, columns], seed: 1);
            Matrix<double> matrix = tensor.ToMatrix();
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                    matrix[i, j].Should().Be(tensor[i, j]);
            }
            matrix.ToRowMajorTensor().Span.ToArray().Should().Equal(tensor.Span.ToArray());
        }
    }

    [Fact]
    public void Column_major_memory_taken_for_rows_normalizes_the_wrong_elements()
    {
        var norm = new LayerNorm<float>(3);
        Tensor<float> trap = norm.Forward(new Tensor<float>(Matrix.AsColumnMajorArray(), 2, 3));
        Tensor<float> right = norm.Forward(Matrix.ToRowMajorTensor());
        right[0, 1].Should().BeApproximately(0, 1e-6f, "2 is the mean of 1, 2 and 3");
        trap.Span.ToArray().Should().NotEqual(right.Span.ToArray());
        new MatrixLayer<float>(norm).Forward(Matrix).Should().Be(right.ToMatrix());
    }

    [Fact]
    public void A_vector_shares_its_memory_with_a_tensor()
    {
        Vector<float> vector = Vector<float>.Build.Dense([1, 2]);
        Tensor<float> tensor = vector.AsTensor();
        tensor[1] = 5;
        vector[1].Should().Be(5);
        var norm = new RmsNorm<float>(3);
        norm.Weight!.Value.AsVector()[1] = 4;
        norm.Weight.Value.Span.ToArray().Should().Equal(1, 4, 1);
        Vector<float> copy = tensor.ToVector();
        copy[0] = 9;
        tensor[0].Should().Be(1);
    }

    [Fact]
    public void What_cannot_share_memory_is_refused_and_can_be_copied()
    {
        Refuse(() => new Tensor<float>(2, 3).AsMatrix(), "*[1, C, N], got [2, 3]*ToMatrix copies*");
        Refuse(() => new Tensor<float>(1, 3).AsVector(), "*[C], got [1, 3]*");
        Refuse(() => new Tensor<float>(3).ToMatrix(), "*[N, C], got [3]*");
        Refuse(() => new Tensor<float>(new float[10].AsMemory(1, 6), 1, 3, 2).AsMatrix(),
            "*not exactly one array*a matrix*ToMatrix makes a copy*");
        Refuse(() => new Tensor<float>(100_000).AsVector(), "*not exactly one array*a vector*ToVector makes a copy*");
        new Tensor<float>(100_000).ToVector().Count.Should().Be(100_000);
        Refuse(static () => Matrix<float>.Build.Sparse(2, 2).AsTensor(),
            "matrix has the storage Sparse*Matrix<float>.Build.DenseOfMatrix(matrix)*");
        Refuse(static () => Matrix<double>.Build.Diagonal(2, 2).ToRowMajorTensor(),
            "matrix has the storage Diagonal*Matrix<double>.Build.DenseOfMatrix(matrix)*");
        Refuse(static () => Vector<float>.Build.Sparse(2).AsTensor(),
            "vector has the storage Sparse*Vector<float>.Build.DenseOfVector(vector)*");
        Refuse(static () => ((Matrix<float>)null!).AsTensor(), "*matrix*");
        Refuse(static () => ((Tensor<float>)null!).ToMatrix(), "*tensor*");

        static void Refuse(Action call, string message) => FluentActions.Invoking(call).Should().Throw<ArgumentException>()
            .WithMessage(message);
    }
}
