using Normalization;

namespace Samples;

internal static class FusedInShort
{
    public static void Run()
    {
        var norm = new RmsNorm<float>(8);
        Tensor<float> stream = Tensor<float>.RandomNormal([3, 8], seed: 1), branch = Tensor<float>.RandomNormal([3, 8], seed: 2), normalized = new(3, 8);
        float sum = stream[1, 2] + branch[1, 2];

        // begin-sample fused-in-short
        norm.Forward(branch, normalized, new ForwardOptions<float> { Residual = stream, Sum = stream });
        // end-sample
        stream[1, 2].Should().Be(sum);
    }
}
