using Normalization;

namespace Samples;

internal static class TrainWeightsInParts
{
    public static void Run()
    {
        Tensor<float> v = new([3, 4, 0, 0, 6, 8], 2, 3), g = Tensor<float>.Full([2, 1], 5), weight = new(2, 3);
        Tensor<float> weightGradient = Tensor<float>.Full([2, 3], 1), vGradient = new(2, 3), gGradient = new(2, 1);
        Tensor<float> original = v.Clone(), originalGradient = new(2, 3);
        // begin-sample train-weights-in-parts
        WeightNorm.Forward(v, g, weight);                              // w = g · v / ‖v‖
        WeightNorm.Backward(v, g, weightGradient, vGradient, gGradient);

        var spectral = new SpectralNorm<float>(original.Shape);
        double sigma = spectral.Forward(original, weight);             // in training one power iteration, then w₀ / σ
        spectral.Backward(original, weightGradient, originalGradient);
        // end-sample
        gGradient[0, 0].Should().BeApproximately(1.4f, 1e-6f);
        sigma.Should().BeLessThanOrEqualTo(Math.Sqrt(125) + 1e-6);
        originalGradient.Span.IndexOfAnyExcept(0f).Should().Be(0);
    }
}
