using Normalization;

namespace Samples;

internal static class PaddedSequences
{
    public static void Run()
    {
        var sequences = Tensor<float>.RandomNormal([3, 16, 50], seed: 1, mean: 2);
        var gradient = Tensor<float>.RandomNormal([3, 16, 50], seed: 2);
        Tensor<float> output = new(sequences.Shape), inputGradient = new(sequences.Shape);
        // begin-sample padded-sequences
        // [N, C, L]: three sequences of 50, 20 and 35 steps, padded to 50 with whatever lies there.
        var norm = new BatchNorm1d<float>(16);
        norm.Forward(sequences, output, new ForwardOptions<float> { Lengths = new[] { 50, 20, 35 } });

        // The layer remembers the lengths. The gradient of the padding is 0.
        norm.Backward(gradient, inputGradient);
        // end-sample
        output[1, 0, 19].Should().NotBe(0);
        output[1, 0, 20].Should().Be(0);
        inputGradient[1, 0, 20].Should().Be(0);
    }
}
