using Normalization;

namespace Samples;

internal static class LocalResponse
{
    public static void Run()
    {
        var images = Tensor<float>.RandomNormal([2, 8, 5, 5], seed: 1);
        var outputGradient = Tensor<float>.RandomNormal([2, 8, 5, 5], seed: 2);
        // begin-sample local-response
        var norm = new LocalResponseNorm<float>(size: 5, alpha: 1e-4, beta: 0.75, k: 2);
        Tensor<float> y = norm.Forward(images);         // [N, C, H, W]
        Tensor<float> dx = norm.Backward(outputGradient);
        // end-sample
        float scale = MathF.Pow(2, -0.75f);
        for (int i = 0; i < images.Length; i++)
        {
            y.Span[i].Should().BeApproximately(images.Span[i] * scale, 1e-3f);
            dx.Span[i].Should().BeApproximately(outputGradient.Span[i] * scale, 1e-3f);
        }
    }
}
