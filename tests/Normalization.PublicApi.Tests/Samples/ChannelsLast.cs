using Normalization;

namespace Samples;

internal static class ChannelsLast
{
    public static void Run()
    {
        var images = Tensor<float>.RandomNormal([2, 4, 5, 3], seed: 1, mean: 2);
        // begin-sample channels-last
        var norm = new BatchNorm1d<float>(3);
        Tensor<float> rows = images.Reshape(-1, 3);
        Tensor<float> output = norm.Forward(rows).Reshape(images.Shape);
        // end-sample
        var channelsFirst = new Tensor<float>(2, 3, 4, 5);
        for (int i = 0; i < images.Length; i++)
            channelsFirst[i / 60, i % 3, i / 15 % 4, i / 3 % 5] = images.Span[i];
        Tensor<float> expected = new BatchNorm2d<float>(3).Forward(channelsFirst);
        for (int i = 0; i < images.Length; i++)
            output.Span[i].Should().BeApproximately(expected[i / 60, i % 3, i / 15 % 4, i / 3 % 5], 1e-6f);
    }
}
