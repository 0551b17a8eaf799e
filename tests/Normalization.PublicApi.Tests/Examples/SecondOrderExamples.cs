using Normalization;

namespace Examples;

/// <summary>The examples of tangents and of the way backward through a backward pass.</summary>
internal static class SecondOrderExamples
{
    public static void TangentOfALayer()
    {
        // begin-sample tangent-of-a-layer
        var norm = new LayerNorm<double>(8);
        Tensor<double> x = Tensor<double>.RandomNormal([3, 8], seed: 1), direction = Tensor<double>.RandomNormal([3, 8], seed: 2);
        norm.Forward(x);
        Tensor<double> tangent = new(3, 8);
        norm.ForwardTangent(tangent, new TangentOptions<double> { InputTangent = direction });
        // end-sample
        tangent.Span.ToArray().Sum().Should().BeApproximately(0, 1e-12, "the mean of y does not move");
    }

    public static void PenaltyOnAGradient()
    {
        // begin-sample penalty-on-a-gradient
        var norm = new LayerNorm<double>(8);
        Tensor<double> x = Tensor<double>.RandomNormal([3, 8], seed: 1), dy = Tensor<double>.RandomNormal([3, 8], seed: 2);
        Tensor<double> dx = new(3, 8), inputGradient = new(3, 8);
        norm.Forward(x);
        norm.Backward(dy, dx);

        // The penalty Σ dx² / 2 has the gradient dx with respect to dx. Its gradient with respect to x and to γ:
        norm.ZeroGradients();
        norm.DoubleBackward(dy, new DoubleBackwardOptions<double> { InputGradientGradient = dx, InputGradient = inputGradient });
        Tensor<double> weightGradient = norm.Weight!.Gradient;
        // end-sample
        double squares = dx.Span.ToArray().Sum(static value => value * value);
        weightGradient.Span.ToArray().Sum().Should().BeApproximately(squares, 1e-12, "dx is linear in γ, which is 1");
    }

    public static void ForwardTangentPrimitive()
    {
        // begin-sample forward-tangent-primitive
        NormalizationPlan plan = NormalizationPlan.Rows(rows: 1, width: 4);
        double[] x = [1, 2, 4, 8], y = new double[4], mean = new double[1], inverseStandardDeviation = new double[1];
        NormalizationPrimitives.LayerNormForward<double>(
            x, rows: 1, width: 4, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);

        double[] direction = [0, 0, 0, 1], tangent = new double[4];
        NormalizationPrimitives.ForwardTangent<double>(
            plan, x, direction, weight: [], weightTangent: [], biasTangent: [], tangent, mean, inverseStandardDeviation);
        // end-sample
        tangent[3].Should().BePositive();
    }

    public static void DoubleBackwardPrimitive()
    {
        // begin-sample double-backward-primitive
        NormalizationPlan plan = NormalizationPlan.Rows(rows: 1, width: 4);
        double[] x = [1, 2, 4, 8], dy = [1, 0, 0, -1], y = new double[4], mean = new double[1], inverseStandardDeviation = new double[1];
        NormalizationPrimitives.LayerNormForward<double>(
            x, rows: 1, width: 4, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);

        double[] v = [0, 1, 0, 0], dyGradient = new double[4], xGradient = new double[4];
        NormalizationPrimitives.DoubleBackward<double>(
            plan, x, dy, weight: [],
            new DoubleBackwardTerms<double>
            {
                InputGradientGradient = v,
                OutputGradientGradient = dyGradient,
                InputGradient = xGradient,
            },
            mean, inverseStandardDeviation);
        // end-sample
        xGradient.Sum().Should().BeApproximately(0, 1e-12, "a common part of x changes no gradient");
    }
}
