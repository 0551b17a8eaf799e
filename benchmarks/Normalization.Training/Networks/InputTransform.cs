using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;
using MathNet.Numerics.Statistics;
using Normalization.Training.Data;

namespace Normalization.Training.Networks;

/// <summary>A fixed first step of a network, y = M·(x - μ): standardizes or whitens the pixels by statistics of given images.</summary>
internal sealed class InputTransform : ILayer
{
    // Pixels that are almost always empty must not be blown up.
    private const double Floor = 0.01;

    private readonly float[] _mean;
    private readonly Tensor<float> _matrix;
    private readonly Scratch _centered = new();
    private readonly Scratch _outputs = new();

    private InputTransform(float[] mean, Tensor<float> matrix) => (_mean, _matrix) = (mean, matrix);

    private InputTransform(double[] mean, Matrix<double> matrix)
        : this(Array.ConvertAll(mean, x => (float)x),
            new(Array.ConvertAll(matrix.ToRowMajorArray(), x => (float)x), mean.Length, mean.Length))
    {
    }

    /// <summary>Mean 0 and variance 1 for each pixel.</summary>
    public static InputTransform Standardizing(ImageSet images)
    {
        (double[] mean, Matrix<double> covariance) = Moments(images);
        Vector<double> variances = covariance.Diagonal();
        return new(mean, Matrix<double>.Build.DenseOfDiagonalVector(variances.Map(v => 1 / Math.Sqrt(v + Floor * variances.Maximum()))));
    }

    /// <summary>No correlations either: the symmetric root of the inverse covariance (ZCA).</summary>
    public static InputTransform Whitening(ImageSet images)
    {
        (double[] mean, Matrix<double> covariance) = Moments(images);
        Evd<double> axes = covariance.Evd(Symmetricity.Symmetric);
        Vector<double> variances = axes.D.Diagonal();
        Vector<double> scales = variances.Map(v => 1 / Math.Sqrt(Math.Max(v, 0) + Floor * covariance.Diagonal().Maximum()));
        return new(mean, axes.EigenVectors * Matrix<double>.Build.DenseOfDiagonalVector(scales) * axes.EigenVectors.Transpose());
    }

    /// <summary>The same transform with memory of its own, for a network on another thread.</summary>
    public InputTransform Copy() => new(_mean, _matrix);

    public Tensor<float> Forward(Tensor<float> input)
    {
        (int batch, int size) = (input.Shape[0], _mean.Length);
        Tensor<float> centered = _centered.Get(batch, size);
        for (int i = 0; i < input.Length; i++)
            centered.Span[i] = input.Span[i] - _mean[i % size];

        Tensor<float> output = _outputs.Get(batch, size);
        MatrixProduct.MultiplyByTransposed(centered, _matrix, output, batch, size, size);
        return output;
    }

    /// <summary>Nothing learns before the first step, so nothing needs this gradient.</summary>
    public Tensor<float> Backward(Tensor<float> outputGradient) => outputGradient;

    private static (double[] Mean, Matrix<double> Covariance) Moments(ImageSet images)
    {
        int size = images.PixelCount;
        var pixels = new Tensor<float>(images.Count, size);
        images.CopyTo([.. Enumerable.Range(0, images.Count)], pixels, new int[images.Count]);
        var rows = Matrix<double>.Build.Dense(images.Count, size, (n, i) => pixels.Span[n * size + i]);
        double[] mean = [.. rows.EnumerateColumns().Select(column => column.Mean())];
        Matrix<double> centered = Matrix<double>.Build.Dense(images.Count, size, (n, i) => rows[n, i] - mean[i]);
        return (mean, centered.TransposeThisAndMultiply(centered) / images.Count);
    }
}
