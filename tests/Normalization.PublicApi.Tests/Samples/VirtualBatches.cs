using Normalization;

namespace Samples;

internal static class VirtualBatches
{
    public static void Run()
    {
        var images = Tensor<float>.RandomNormal([70, 16, 4, 4], seed: 1);
        // begin-sample virtual-batches
        var norm = new BatchNorm2d<float>(16) { VirtualBatchSize = 32 };
        norm.Forward(images);  // 70 images: statistics of the first 32 and of the other 38
        // end-sample
        norm.BatchesTracked.Should().Be(2);
    }
}
