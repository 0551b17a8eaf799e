using Normalization;

namespace Samples;

internal static class BatchRenormalization
{
    public static void Run()
    {
        var images = Tensor<float>.RandomNormal([4, 64, 3, 3], seed: 1, mean: 2);
        var outputGradient = Tensor<float>.RandomNormal([4, 64, 3, 3], seed: 2);
        // begin-sample batch-renormalization
        var norm = new BatchRenorm<float>(64) { WarmUpStart = 1000, MaxShiftBatches = 5000, MaxScaleBatches = 8000 };
        Tensor<float> y = norm.Forward(images);         // [N, 64, H, W]
        Tensor<float> dx = norm.Backward(outputGradient);
        Console.WriteLine($"{norm.BatchesTracked} batch, r up to {norm.CurrentMaxScale}, d up to {norm.CurrentMaxShift}");
        // end-sample
        y.Span.SequenceEqual(new BatchNorm2d<float>(64).Forward(images).Span).Should().BeTrue();
        dx.Shape.ToArray().Should().Equal(4, 64, 3, 3);
    }
}
