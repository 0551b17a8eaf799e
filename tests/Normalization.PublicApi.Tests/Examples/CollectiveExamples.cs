using MathNet.Numerics.LinearAlgebra;
using Normalization;
using Normalization.MathNet;
using Normalization.Mpi;

namespace Examples;

/// <summary>The examples of ranks and of matrices.</summary>
internal static class CollectiveExamples
{
    public static void OfCollective()
    {
        double[] sums = [];
        // begin-sample of-collective
        InMemoryCollective.Run(size: 3, ranks =>
        {
            double[] values = [ranks.Rank, 1];
            ranks.AllReduce(values);  // on every rank: 0 + 1 + 2 and 1 + 1 + 1
            // end-sample
            sums = values;
            // begin-sample of-collective
        });
        // end-sample
        sums.Should().Equal(3, 3);
    }

    public static void OfGradients()
    {
        var gradients = new float[2];
        // begin-sample of-gradients
        InMemoryCollective.Run(size: 2, ranks =>
        {
            var norm = new LayerNorm<float>(4);
            Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([8, 4], seed: ranks.Rank));
            norm.Backward(y);
            ranks.AllReduceGradients(norm.Parameters);  // the sums over both ranks
            // end-sample
            gradients[ranks.Rank] = norm.Weight!.Gradient[0];
            // begin-sample of-gradients
        });
        // end-sample
        gradients[0].Should().Be(gradients[1]).And.NotBe(0);
    }

    public static void OfMpi()
    {
        Action train = static () =>
        {
            // begin-sample of-mpi
            // mpirun -n 4 dotnet Train.dll
            using MpiCollective ranks = MpiCollective.Initialize();
            var norm = new BatchNorm2d<float>(16);
            norm.Synchronize(ranks);  // the statistics of a batch are those of the images of all ranks
            Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([2, 16, 8, 8], seed: ranks.Rank));
            norm.Backward(y);
            ranks.AllReduceGradients(norm.Parameters);
            // end-sample
        };
        // Elsewhere there may be no MPI, and the process of the tests would become a part of a job.
        if (MpiCollective.IsLaunched)
            train();
    }

    public static void OfMatrices()
    {
        // begin-sample of-matrices
        Matrix<float> x = Matrix<float>.Build.Random(32, 8), w = Matrix<float>.Build.Random(8, 64);
        var norm = new MatrixLayer<float>(new BatchNorm1d<float>(64));
        Matrix<float> hidden = norm.Forward(x * w);
        Matrix<float> productGradient = norm.Backward(hidden);
        // end-sample
        hidden.Column(0).Sum().Should().BeApproximately(0, 1e-3f);
        productGradient.ColumnCount.Should().Be(64);
    }

    public static void OfConversions()
    {
        // begin-sample of-conversions
        Matrix<float> matrix = Matrix<float>.Build.Random(4, 3);
        Tensor<float> columns = matrix.AsTensor();        // [1, 3, 4] over the memory of the matrix: a column is a channel
        Tensor<float> rows = matrix.ToRowMajorTensor();   // [4, 3], a copy
        Matrix<float> normalized = new LayerNorm<float>(3).Forward(rows).ToMatrix();
        // end-sample
        columns[0, 2, 3].Should().Be(matrix[3, 2]);
        normalized.Row(0).Sum().Should().BeApproximately(0, 1e-4f);
    }
}
