using Normalization;

namespace Samples;

internal static class ChannelsLast
{
    public static void Run()
    {
        Tensor<float> images = Tensor<float>.RandomNormal([2, 4, 5, 16], seed: 1, mean: 2), features = new(images.Shape);
        // begin-sample channels-last
        // Images as height × width × channels: [N, H, W, 16].
        var batch = new BatchNorm2d<float>(16) { ChannelAxis = ChannelAxis.Last, Activation = Activation.Relu };
        var group = new GroupNorm<float>(numGroups: 4, numChannels: 16) { ChannelAxis = ChannelAxis.Last };
        var layer = new LayerNorm<float>(16);  // over the last dimension, as always

        batch.Forward(images, features);
        Tensor<float> output = layer.Forward(group.Forward(features));
        // end-sample
        var channelsFirst = new Tensor<float>(2, 16, 4, 5);
        for (int i = 0; i < images.Length; i++)
            channelsFirst[i / 320, i % 16, i / 80 % 4, i / 16 % 5] = images.Span[i];
        Tensor<float> expected = new BatchNorm2d<float>(16) { Activation = Activation.Relu }.Forward(channelsFirst);
        for (int i = 0; i < images.Length; i++)
            features.Span[i].Should().BeApproximately(expected[i / 320, i % 16, i / 80 % 4, i / 16 % 5], 1e-5f);
        output.Shape.ToArray().Should().Equal(2, 4, 5, 16);
    }
}
