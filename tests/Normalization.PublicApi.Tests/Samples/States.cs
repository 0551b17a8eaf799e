using Normalization;

namespace Samples;

internal static class States
{
    public static void Run()
    {
        float[] weight = [1, 2], bias = [3, 4], mean = [5, 6], variance = [7, 8];
        // begin-sample states
        var norm = new BatchNorm1d<float>(2);
        var state = new StateDictionary
        {
            { "weight", new Tensor<float>(weight, 2) },
            { "bias", new Tensor<float>(bias, 2) },
            { "running_mean", new Tensor<float>(mean, 2) },
            { "running_var", new Tensor<float>(variance, 2) },
            { "num_batches_tracked", 1000 },
        };
        norm.LoadState(state);

        // Without strict, keys may be missing or too many; a value that does not fit still changes nothing.
        var other = new LayerNorm<float>(2, bias: false);
        StateReport report = other.LoadState(norm.GetState(), strict: false);
        Console.WriteLine(report);
        // end-sample
        norm.BatchesTracked.Should().Be(1000);
        report.IsLoaded.Should().BeTrue();
        other.Weight!.Value.Span.ToArray().Should().Equal(1, 2);
    }
}
