using Normalization;

namespace Samples;

internal static class Recalibrating
{
    public static void Run()
    {
        var norm = new BatchNorm2d<float>(3);
        var model = new LayerDictionary<float> { { "features.norm", norm } };
        Tensor<float>[] batches = [.. Enumerable.Range(0, 4).Select(static i => Tensor<float>.RandomNormal([8, 3, 6, 6], seed: i, mean: 5))];
        // begin-sample recalibrating
        model.Eval();
        using (Recalibration<float> recalibration = model.Recalibrate())
        {
            foreach (Tensor<float> batch in batches)
                norm.Forward(batch);  // the forward pass of the whole network
            recalibration.Complete();
        }
        // end-sample
        norm.RunningMean![0].Should().BeInRange(4.8f, 5.2f);
        norm.BatchesTracked.Should().Be(0);
    }
}
