using Normalization;

namespace Examples;

/// <summary>The examples of the rest of the family.</summary>
internal static class FamilyExamples
{
    public static void LocalResponseNorm()
    {
        // begin-sample local-response-norm
        var norm = new LocalResponseNorm<float>(size: 5, alpha: 1e-4, beta: 0.75, k: 2);  // AlexNet
        var images = Tensor<float>.RandomNormal([2, 16, 8, 8], seed: 1);
        Tensor<float> y = norm.Forward(images);
        Tensor<float> imageGradient = norm.Backward(y);
        // end-sample
        y[0, 0, 0, 0].Should().BeApproximately(images[0, 0, 0, 0] * MathF.Pow(2, -0.75f), 1e-3f);
        imageGradient.Shape.ToArray().Should().Equal(2, 16, 8, 8);
    }

    public static void LocalResponsePrimitive()
    {
        // begin-sample local-response-primitive
        float[] x = [1, 2, 3, 4], y = new float[4];
        NormalizationPrimitives.LocalResponseNormForward<float>(x, n: 1, c: 4, s: 1, size: 3, alpha: 3, beta: 0.5, k: 4, y);
        // y[0] is 1 / √(4 + 1² + 2²)
        // end-sample
        y[0].Should().BeApproximately(1f / 3, 1e-6f);
    }

    public static void BatchRenorm()
    {
        // begin-sample batch-renorm
        var norm = new BatchRenorm<float>(3) { WarmUpStart = 1000, MaxShiftBatches = 5000, MaxScaleBatches = 8000 };
        var images = Tensor<float>.RandomNormal([4, 3, 8, 8], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(images);  // during the warm-up that of BatchNorm
        Tensor<float> imageGradient = norm.Backward(y);
        // end-sample
        y.Span.ToArray().Average().Should().BeApproximately(0, 1e-4f);
        imageGradient.Shape.ToArray().Should().Equal(4, 3, 8, 8);
    }

    public static void Invert()
    {
        // begin-sample invert
        var norm = new InstanceNorm1d<float>(1);
        var context = new ForwardContext<float>();
        Tensor<float> past = new([10, 20, 30, 20], 1, 1, 4), normalized = new(1, 1, 4);
        norm.Forward(past, normalized, context);
        Tensor<float> future = norm.Invert(new([0, 0], 1, 1, 2), context);  // 20, 20: the mean of the past
        // end-sample
        future.Span.ToArray().Should().Equal(20, 20);
    }

    public static void WeightNorms()
    {
        // begin-sample weight-norms
        Tensor<float> v = new([3, 4, 6, 8], 2, 2), g = new([10, 1], 2), weight = new(2, 2);
        WeightNorm.Forward(v, g, weight);                             // 6, 8 and 0.6, 0.8
        Tensor<float> dv = new(2, 2), dg = new(2);
        WeightNorm.Backward(v, g, weightGradient: weight, dv, dg);    // the gradients of Σ w² / 2: g, and zeros
        // end-sample
        weight[0, 1].Should().BeApproximately(8, 1e-5f);
        dg[0].Should().BeApproximately(10, 1e-4f);
        dv[0, 0].Should().BeApproximately(0, 1e-4f);
    }

    public static void SpectralNorms()
    {
        // begin-sample spectral-norms
        Tensor<float> original = new([5, 0, 0, 2], 2, 2), weight = new(2, 2), gradient = new(2, 2);
        var norm = new SpectralNorm<float>([2, 2], powerIterations: 30);
        double sigma = norm.Forward(original, weight);  // 5
        norm.Backward(original, weightGradient: weight, gradient);
        // end-sample
        sigma.Should().BeApproximately(5, 1e-4);
        weight[1, 1].Should().BeApproximately(0.4f, 1e-4f);
        gradient.Span.IndexOfAnyExcept(0f).Should().BeGreaterThanOrEqualTo(0);
    }

    public static void WeightsInPartsOfAState()
    {
        Tensor<float> magnitude = new([5], 1, 1), direction = new([6, 8], 1, 2);
        // begin-sample weights-in-parts-of-a-state
        var state = new StateDictionary { { "conv.weight_g", magnitude }, { "conv.weight_v", direction } };
        ParametrizedWeights folded = ParametrizedWeights.Fold(state);
        Console.WriteLine(folded);
        Tensor<float> weight = folded.State["conv.weight"].ToTensor<float>();
        // end-sample
        weight[0, 0].Should().BeApproximately(3, 1e-6f);
    }
}
