using Normalization;

namespace Samples;

internal static class RanksInShort
{
    public static void Run() => InMemoryCollective.Run(2, static ranks =>
    {
        var norm = new BatchNorm2d<float>(3);
        var images = Tensor<float>.RandomNormal([2, 3, 4, 4], seed: ranks.Rank);
        // begin-sample ranks-in-short
        norm.Synchronize(ranks);                       // once; ranks: MpiCollective.Initialize(), or threads
        norm.Backward(norm.Forward(images));           // every pass exchanges its sums
        ranks.AllReduceGradients(norm.Parameters);     // before the step
        // end-sample
        norm.Weight!.Gradient.Span.ToArray().Should().OnlyContain(static value => value > 0, "x̂ · y is the square of y here");
    });
}
