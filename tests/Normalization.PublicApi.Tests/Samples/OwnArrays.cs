using Normalization;

namespace Samples;

internal static class OwnArrays
{
    public static void Run()
    {
        // begin-sample own-arrays
        const int rows = 2, width = 4;
        float[] x = [1, 2, 3, 4, 10, 20, 30, 40], y = new float[rows * width];
        float[] weight = [1, 1, 2, 2], bias = [0, 0, 0, 1];
        double[] mean = new double[rows], inverseStandardDeviation = new double[rows];
        NormalizationPrimitives.LayerNormForward<float>(
            x, rows, width, weight, bias, 1e-5, y, mean, inverseStandardDeviation);

        float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[rows * width];
        float[] weightGradient = new float[width], biasGradient = new float[width];
        NormalizationPrimitives.LayerNormGradient<float>(
            x, dy, rows, width, weight, dx, weightGradient, biasGradient, mean, inverseStandardDeviation);
        // end-sample
        mean.Should().Equal(2.5, 25);
        biasGradient.Should().Equal(1, 0, 0, 1);
    }
}
