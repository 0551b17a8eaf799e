using Normalization;

namespace Examples;

/// <summary>The examples of what goes with the pass of a norm.</summary>
internal static class FusedExamples
{
    public static void ActivationBehindTheNorm()
    {
        // begin-sample activation-behind-the-norm
        var norm = new BatchNorm2d<float>(64) { Activation = Activation.Relu };
        // end-sample
        norm.Activation.Should().Be(Activation.Relu);
    }

    public static void ResidualBeforeTheNorm()
    {
        // begin-sample residual-before-the-norm
        var norm = new LayerNorm<float>(8);
        Tensor<float> stream = Tensor<float>.RandomNormal([3, 8], seed: 1), branch = Tensor<float>.RandomNormal([3, 8], seed: 2);
        Tensor<float> sum = new(3, 8), normalized = new(3, 8);
        norm.Forward(branch, normalized, new ForwardOptions<float> { Residual = stream, Sum = sum });
        // end-sample
        sum[1, 2].Should().Be(stream[1, 2] + branch[1, 2]);
    }

    public static void GradientOfTheStream()
    {
        // begin-sample gradient-of-the-stream
        var norm = new LayerNorm<float>(8);
        norm.Forward(Tensor<float>.RandomNormal([3, 8], seed: 1));
        Tensor<float> gradient = Tensor<float>.RandomNormal([3, 8], seed: 2), streamGradient = Tensor<float>.Full([3, 8], 1);

        // The gradient of the stream gains what comes back through the norm.
        norm.Backward(gradient, streamGradient, new BackwardOptions<float> { SumGradient = streamGradient });
        // end-sample
        streamGradient.Span.ToArray().Average().Should().BeApproximately(1, 1e-5f);
    }

    public static void FusedPrimitives()
    {
        // begin-sample fused-primitives
        NormalizationPlan plan = NormalizationPlan.Rows(rows: 2, width: 2);
        float[] x = [1, 3, 10, 30], residual = [1, 1, 1, 1], sum = new float[4], y = new float[4];
        double[] mean = new double[2], inverseStandardDeviation = new double[2];
        NormalizationPrimitives.FusedForward<float>(
            plan, x, weight: [], bias: [], 1e-5, new ForwardTerms<float> { Residual = residual, Sum = sum }, Activation.Relu, y,
            mean, inverseStandardDeviation);

        float[] dy = [1, 0, 0, 1], dx = new float[4];
        NormalizationPrimitives.FusedGradient<float>(
            plan, sum, dy, weight: [], bias: [], default, Activation.Relu, dx, weightGradient: [], biasGradient: [],
            mean, inverseStandardDeviation);
        // end-sample
        mean.Should().Equal(3, 21);
        y[0].Should().Be(0);
    }

    public static void StridedRows()
    {
        // begin-sample strided-rows
        const int heads = 2, size = 2, stride = 6;

        // Two heads of queries; keys and values lie between.
        float[] buffer = [1, 3, 0, 0, 0, 0, 10, 30, 0, 0, 0, 0];
        NormalizationPrimitives.StridedRowsForward<float>(
            buffer, stride, heads, size, subtractMean: true, weight: [], bias: [], 1e-5, buffer, stride,
            mean: [], inverseStandardDeviation: []);
        // end-sample
        buffer[6].Should().BeApproximately(-1, 1e-4f);
        buffer[2].Should().Be(0);
    }
}
