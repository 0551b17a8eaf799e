using Normalization;

namespace Samples;

internal static class SampleWeights
{
    public static void Run()
    {
        var features = Tensor<float>.RandomNormal([4, 16], seed: 1, mean: 2);
        var output = new Tensor<float>(features.Shape);
        // begin-sample sample-weights
        // [N, C]: the third sample counts three times, the last one is not there.
        var norm = new BatchNorm1d<float>(16);
        norm.Forward(features, output, new ForwardOptions<float> { Weights = new([1, 1, 3, 0], 4) });
        // end-sample
        output[3, 0].Should().Be(0);
        (output[0, 0] + output[1, 0] + (3 * output[2, 0])).Should().BeApproximately(0, 1e-5f);
    }
}
