using Normalization;

namespace Samples;

internal static class ChannelsFirstLayerNorm
{
    public static void Run()
    {
        Tensor<float> images = Tensor<float>.RandomNormal([2, 16, 4, 5], seed: 1, mean: 2);
        // begin-sample channels-first-layer-norm
        // LayerNorm2d of timm, the LayerNorm of ConvNeXt: [N, 16, H, W], the 16 channels of each pixel by themselves.
        var norm = new LayerNorm<float>(16, epsilon: 1e-6) { ChannelAxis = ChannelAxis.First };
        Tensor<float> output = norm.Forward(images);
        // end-sample
        Enumerable.Range(0, 16).Average(channel => output[1, channel, 2, 3]).Should().BeApproximately(0, 1e-5f);
    }
}
