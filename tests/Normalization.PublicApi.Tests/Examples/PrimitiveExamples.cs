using Normalization;

namespace Examples;

/// <summary>The examples of the primitives.</summary>
internal static class PrimitiveExamples
{
    public static void BatchNormPrimitives()
    {
        // begin-sample batch-norm-primitives
        const int n = 2, c = 2, s = 2;
        float[] x = [1, 3, 10, 30, 5, 7, 50, 70], y = new float[n * c * s], weight = [1, 2], bias = [0, 1];
        float[] runningMean = [0, 0], runningVariance = [1, 1];
        double[] mean = new double[c], inverseStandardDeviation = new double[c];
        NormalizationPrimitives.BatchNormForward<float>(
            x, n, c, s, weight, bias, 1e-5, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum: 0.1);

        float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[n * c * s], weightGradient = new float[c], biasGradient = new float[c];
        NormalizationPrimitives.BatchNormGradient<float>(
            x, dy, n, c, s, weight, dx, weightGradient, biasGradient, mean, inverseStandardDeviation);
        // end-sample
        mean.Should().Equal(4, 40);
        biasGradient.Should().Equal(1, 1);
    }

    public static void BatchNormInference()
    {
        // begin-sample batch-norm-inference
        float[] x = [1, 3, 10, 30], y = new float[4], weight = [1, 2], bias = [0, 1], mean = [2, 20], variance = [1, 100];
        NormalizationPrimitives.BatchNormInference<float>(x, n: 1, c: 2, s: 2, weight, bias, 1e-5, y, mean, variance);
        // end-sample
        y[3].Should().BeApproximately(3, 1e-4f);
    }

    public static void GroupNormPrimitives()
    {
        // begin-sample group-norm-primitives
        const int n = 1, c = 4, s = 2, groups = 2;
        float[] x = [1, 2, 3, 4, 10, 20, 30, 40], y = new float[n * c * s];
        double[] mean = new double[n * groups], inverseStandardDeviation = new double[n * groups];
        NormalizationPrimitives.GroupNormForward<float>(
            x, n, c, s, groups, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);

        float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[n * c * s];
        NormalizationPrimitives.GroupNormGradient<float>(
            x, dy, n, c, s, groups, weight: [], dx, weightGradient: [], biasGradient: [], mean, inverseStandardDeviation);
        // end-sample
        mean.Should().Equal(2.5, 25);
        dx.Sum().Should().BeApproximately(0, 1e-5f);
    }

    public static void LayerNormPrimitives()
    {
        // begin-sample layer-norm-primitives
        const int rows = 2, width = 4;
        float[] x = [1, 2, 3, 4, 10, 20, 30, 40], y = new float[rows * width], weight = [1, 1, 2, 2], bias = [0, 0, 0, 1];
        double[] mean = new double[rows], inverseStandardDeviation = new double[rows];
        NormalizationPrimitives.LayerNormForward<float>(x, rows, width, weight, bias, 1e-5, y, mean, inverseStandardDeviation);

        float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[rows * width];
        float[] weightGradient = new float[width], biasGradient = new float[width];
        NormalizationPrimitives.LayerNormGradient<float>(
            x, dy, rows, width, weight, dx, weightGradient, biasGradient, mean, inverseStandardDeviation);
        // end-sample
        mean.Should().Equal(2.5, 25);
        biasGradient.Should().Equal(1, 0, 0, 1);
    }

    public static void RmsNormPrimitives()
    {
        // begin-sample rms-norm-primitives
        const int rows = 2, width = 2;
        float[] x = [3, 4, 30, 40], y = new float[rows * width], weight = [1, 2];
        double[] inverseStandardDeviation = new double[rows];
        NormalizationPrimitives.RmsNormForward<float>(x, rows, width, weight, 1e-6, y, inverseStandardDeviation);

        float[] dy = [1, 0, 0, 1], dx = new float[rows * width], weightGradient = new float[width];
        NormalizationPrimitives.RmsNormGradient<float>(x, dy, rows, width, weight, dx, weightGradient, inverseStandardDeviation);
        // end-sample
        y[2].Should().BeApproximately(y[0], 1e-6f);
        weightGradient[0].Should().BeApproximately(y[0], 1e-6f);
    }

    public static void OfParallelism()
    {
        int before = NormalizationParallelism.MaxDegree;
        try
        {
            // begin-sample of-parallelism
            // A server that works on many requests at once: each call stays on the thread of its request.
            NormalizationParallelism.MaxDegree = 1;
            // end-sample
            NormalizationParallelism.MaxDegree.Should().Be(1);
        }
        finally
        {
            NormalizationParallelism.MaxDegree = before;
        }
    }
}
