// begin-sample five-lines
using Normalization;

// end-sample
namespace Samples;

internal static class FiveLines
{
    public static void Run()
    {
        // begin-sample five-lines
        var norm = new BatchNorm2d<float>(3);
        var images = Tensor<float>.RandomNormal([8, 3, 32, 32], seed: 1, mean: 5, standardDeviation: 2);
        Tensor<float> y = norm.Forward(images);  // training: the mean and variance of the batch
        norm.Eval();
        Tensor<float> z = norm.Forward(images);  // evaluation: the running mean and variance
        // end-sample
        y.Span.ToArray().Average().Should().BeApproximately(0, 1e-4f);
        z.Span.ToArray().Average().Should().BeGreaterThan(2, "one batch moves the running mean by a tenth of the way");
    }
}
