using Normalization;

namespace Samples;

internal static class FoldingInShort
{
    public static void Run()
    {
        Tensor<float> weight = Tensor<float>.RandomNormal([8, 3, 5, 5], seed: 1), bias = new(8);
        var norm = new BatchNorm2d<float>(8);
        // begin-sample folding-in-short
        norm.Eval();
        (Tensor<float> foldedWeight, Tensor<float> foldedBias) = BatchNormFolding.IntoConvolution(weight, bias, norm);
        // end-sample
        foldedWeight.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
        foldedBias.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }
}
