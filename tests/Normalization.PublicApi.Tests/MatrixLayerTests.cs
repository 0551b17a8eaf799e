using System.Numerics;
using MathNet.Numerics.LinearAlgebra;
using Normalization.MathNet;

namespace Normalization.PublicApi.Tests;

/// <summary>Layers on matrices compute what they compute on tensors whose rows are the rows of the matrix.</summary>
public sealed class MatrixLayerTests
{
    private const int Rows = 37, Columns = 6;

    public static TheoryData<string> Kinds => ["BatchNorm1d", "LayerNorm", "RmsNorm", "GroupNorm"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Training_and_evaluation_are_those_of_the_rows_in_float(string kind) => Compare<float>(kind, 2e-6);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Training_and_evaluation_are_those_of_the_rows_in_double(string kind) => Compare<double>(kind, 1e-13);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_context_leads_backward_through_evaluation_and_several_uses(string kind)
    {
        MatrixLayer<double> layer = new(Layer<double>(kind)), fresh = new(Layer<double>(kind));
        Matrix<double> first = Input<double>(1), second = Input<double>(2), gradient = Input<double>(3);
        MatrixContext<double> one = new(), two = new();
        Matrix<double> output = Matrix<double>.Build.Dense(Rows, Columns), result = Matrix<double>.Build.Dense(Rows, Columns);
        layer.Forward(first, output, one);
        layer.Forward(second, output, two);
        layer.Backward(gradient, result, one);
        fresh.Forward(first);
        result.Should().Be(fresh.Backward(gradient));
        one.Input.Should().BeSameAs(first);
        one.Clear();
        one.Input.Should().BeNull();
        FluentActions.Invoking(() => layer.Backward(gradient, result, one)).Should().Throw<InvalidOperationException>()
            .WithMessage("No forward pass*");
        FluentActions.Invoking(() => fresh.Backward(gradient, result, two)).Should().Throw<InvalidOperationException>()
            .WithMessage("*another layer*");

        layer.Layer.Eval();
        FluentActions.Invoking(() => layer.Backward(gradient)).Should().Throw<InvalidOperationException>()
            .WithMessage("*evaluation mode*MatrixContext*");
        layer.Forward(first, output, one);
        layer.Backward(gradient, result, one);
        result.Enumerate().Should().OnlyContain(static value => double.IsFinite(value) && value != 0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Evaluation_and_the_gradient_work_in_place(string kind)
    {
        var layer = new MatrixLayer<float>(Layer<float>(kind));
        Matrix<float> x = Input<float>(1), gradient = Input<float>(2);
        layer.Forward(x);
        Matrix<float> expected = layer.Backward(gradient);
        layer.Backward(gradient, gradient);
        gradient.Should().Be(expected);
        layer.Layer.Eval();
        expected = layer.Forward(x);
        layer.Forward(x, x);
        x.Should().Be(expected);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_refused_call_changes_nothing(string kind)
    {
        var layer = new MatrixLayer<float>(Layer<float>(kind));
        Matrix<float> x = Input<float>(1), y = Matrix<float>.Build.Dense(Rows, Columns, 7);
        Matrix<float> wide = Matrix<float>.Build.Dense(Columns, Rows, 7);
        Refuse(() => layer.Forward(x, x), "*output must not be the input*Eval()*");
        Refuse(() => layer.Forward(wide), "*6 columns, with samples in rows and features in columns, got 6 rows and 37 columns*");
        Refuse(() => layer.Forward(x, wide), "*output of 37 rows and 6 columns, got 6 rows and 37 columns*");
        Refuse(() => layer.Forward(x, y, null!), "*context*");
        Refuse(() => layer.Forward(Matrix<float>.Build.Sparse(Rows, Columns)),
            "*input has the storage SparseCompressedRowMatrixStorage*Matrix<float>.Build.DenseOfMatrix(input)*");
        Refuse(() => layer.Forward(x, Matrix<float>.Build.Diagonal(Rows, Columns)), "*output has the storage DiagonalMatrixStorage*");
        y.Should().Be(Matrix<float>.Build.Dense(Rows, Columns, 7));
        layer.Layer.ZeroGradients();
        FluentActions.Invoking(() => layer.Backward(y)).Should().Throw<InvalidOperationException>();
        layer.Forward(x, y);
        Matrix<float> before = x.Clone();
        Refuse(() => layer.Backward(y, x), "*inputGradient must not be the input*");
        Refuse(() => layer.Backward(wide, y), "*outputGradient of 37 rows*");
        Refuse(() => layer.Backward(y, wide), "*inputGradient of 37 rows*");
        x.Should().Be(before);
        layer.Layer.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray())
            .Should().OnlyContain(static value => value == 0);

        static void Refuse(Action call, string message) => FluentActions.Invoking(call).Should().Throw<ArgumentException>()
            .WithMessage(message);
    }

    [Fact]
    public void Layers_without_a_meaning_on_matrices_are_refused_with_the_reason()
    {
        Refuse(new BatchNorm2d<float>(3), "BatchNorm2d takes images; BatchNorm1d takes matrices*");
        Refuse(new InstanceNorm<float>(3), "InstanceNorm would normalize each element*");
        Refuse(new InstanceNorm1d<float>(3), "InstanceNorm1d would normalize each element*");
        Refuse(new LayerNorm<float>([2, 3]), "LayerNorm runs over several dimensions*");
        Refuse(new RmsNorm<float>([2, 3]), "RmsNorm runs over several dimensions*");
        FluentActions.Invoking(static () => new MatrixLayer<float>(null!)).Should().Throw<ArgumentNullException>();

        static void Refuse(NormalizationLayer<float> layer, string message) =>
            FluentActions.Invoking(() => new MatrixLayer<float>(layer)).Should().Throw<ArgumentException>().WithMessage(message);
    }

    [Fact]
    public void One_row_is_too_few_for_BatchNorm_in_training()
    {
        var layer = new MatrixLayer<float>(new BatchNorm1d<float>(3));
        FluentActions.Invoking(() => layer.Forward(Matrix<float>.Build.Dense(1, 3))).Should().Throw<ArgumentException>()
            .WithMessage("*more than one value per channel*");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steady_state_allocates_nothing(string kind)
    {
        var layer = new MatrixLayer<float>(Layer<float>(kind));
        Matrix<float> x = Input<float>(1), y = Matrix<float>.Build.Dense(Rows, Columns);
        Matrix<float> gradient = Matrix<float>.Build.Dense(Rows, Columns);
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            layer.Forward(x, y);
            layer.Backward(y, gradient);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        least.Should().Be(0);
    }

    private static void Compare<T>(string kind, double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var matrices = new MatrixLayer<T>(Layer<T>(kind));
        NormalizationLayer<T> tensors = Layer<T>(kind);
        Matrix<T> x = Input<T>(1), gradient = Input<T>(2);
        Near(matrices.Forward(x), tensors.Forward(x.ToRowMajorTensor()));
        Near(matrices.Backward(gradient), tensors.Backward(gradient.ToRowMajorTensor()));
        foreach ((Parameter<T> actual, Parameter<T> expected) in matrices.Layer.Parameters.Zip(tensors.Parameters))
            Near(actual.Gradient.Reshape(1, -1).ToMatrix(), expected.Gradient.Reshape(1, -1));
        matrices.Layer.Eval();
        tensors.Eval();
        Near(matrices.Forward(x), tensors.Forward(x.ToRowMajorTensor()));
        matrices.ColumnCount.Should().Be(Columns);

        void Near(Matrix<T> actual, Tensor<T> expected)
        {
            for (int i = 0; i < actual.RowCount; i++)
            {
                for (int j = 0; j < actual.ColumnCount; j++)
                    double.CreateTruncating(actual[i, j]).Should().BeApproximately(double.CreateTruncating(expected[i, j]), tolerance);
            }
        }
    }

    private static NormalizationLayer<T> Layer<T>(string kind)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        NormalizationLayer<T> layer = kind switch
        {
            "BatchNorm1d" => new BatchNorm1d<T>(Columns),
            "LayerNorm" => new LayerNorm<T>(Columns),
            "RmsNorm" => new RmsNorm<T>(Columns),
            _ => new GroupNorm<T>(2, Columns),
        };
        foreach (Parameter<T> parameter in layer.Parameters)
            Tensor<T>.RandomNormal([Columns], seed: 9, mean: 1).CopyTo(parameter.Value);
        return layer;
    }

    private static Matrix<T> Input<T>(int seed)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Tensor<T>.RandomNormal([1, Columns, Rows], seed, mean: 0.5).AsMatrix();
}
