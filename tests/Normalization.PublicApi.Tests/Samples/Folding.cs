using Normalization;

namespace Samples;

internal static class Folding
{
    public static void Run()
    {
        Tensor<float> weight = Tensor<float>.RandomNormal([8, 3, 5, 5], seed: 1), bias = new(8);
        var norm = new BatchNorm2d<float>(8);
        norm.Forward(Tensor<float>.RandomNormal([4, 8, 6, 6], seed: 2, mean: 3));
        // begin-sample folding
        norm.Eval();

        // The convolution with these does what it did before, and then what norm did.
        (Tensor<float> foldedWeight, Tensor<float> foldedBias) =
            BatchNormFolding.IntoConvolution(weight, bias, norm);

        // For your own arithmetic: y = x · scale + shift for each channel.
        (Tensor<float> scale, Tensor<float> shift) = norm.Fold();
        // end-sample
        foldedWeight[2, 1, 4, 3].Should().Be((float)((double)weight[2, 1, 4, 3] / Math.Sqrt(norm.RunningVariance![2] + 1e-5)));
        foldedBias[2].Should().Be(shift[2]);
        scale.Length.Should().Be(8);
    }
}
