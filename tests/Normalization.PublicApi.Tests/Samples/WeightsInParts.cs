using Normalization;

namespace Samples;

internal static class WeightsInParts
{
    public static void Run()
    {
        var state = new StateDictionary
        {
            { "conv.weight_g", Tensor<float>.Full([2, 1], 5) },
            { "conv.weight_v", new Tensor<float>([3, 4, 0, 0, 6, 8], 2, 3) },
            { "head.parametrizations.weight.original", new Tensor<float>([2, 0, 0, 1], 2, 2) },
            { "head.parametrizations.weight.0._u", new Tensor<float>([1, 0], 2) },
            { "head.parametrizations.weight.0._v", new Tensor<float>([1, 0], 2) },
        };
        // begin-sample weights-in-parts
        ParametrizedWeights folded = ParametrizedWeights.Fold(state);
        Console.WriteLine(folded);
        Tensor<float> weight = folded.State["conv.weight"].ToTensor<float>();
        // end-sample
        weight.Span.ToArray().Should().Equal((float[])[3, 4, 0, 0, 3, 4], static (actual, expected) => Math.Abs(actual - expected) < 1e-6f);
        folded.State["head.weight"].ToTensor<float>().Span.ToArray().Should().Equal(1, 0, 0, 0.5f);
    }
}
