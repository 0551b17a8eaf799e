using System.Numerics.Tensors;
using Normalization.Training.Networks;

namespace Normalization.Tests.Training;

/// <summary>The layers of the training program that are not the library's: their gradients against finite differences.</summary>
public sealed class NetworkGradientTests
{
    private const float Step = 0.01f;

    private static readonly Dictionary<string, Func<(ILayer Layer, int[] Shape)>> _layers = new()
    {
        ["linear"] = static () => (new Linear(6, 5, 0.5, new Random(1)), [3, 6]),
        ["convolution"] = static () => (new Convolution(2, 3, new Random(1)), [2, 2, 4, 4]),
        ["pool"] = static () => (new AveragePool(), [2, 2, 4, 4]),
        ["sigmoid"] = static () => (new Sigmoid(), [3, 4]),
        ["tanh"] = static () => (new Tanh(), [3, 4]),
        ["linear without bias"] = static () => (new Linear(6, 5, 0.5, new Random(1), hasBias: false), [3, 6]),
        ["delayed rows"] = static () => (new DelayedRows(4) { ShortestDelay = 1, LongestDelay = 3 }, [5, 16]),
        ["local response"] = static () => (new LocalResponseNorm(), [2, 6, 2, 2]),
        ["row tokens"] = static () => (new RowTokens(4), [2, 16]),
        ["positions"] = static () => (new Positions(3, 4, new Random(1)), [6, 4]),
        ["token mean"] = static () => (new TokenMean(3), [6, 4]),
        ["attention"] = static () => (new Attention(3, 4, new Random(1)), [6, 4]),
        ["pre-norm"] = static () => (new PreNorm([new Linear(4, 4, 0.5, new Random(1)), new Tanh()], 4), [3, 4]),
        ["post-norm"] = static () => (new PostNorm([new Linear(4, 4, 0.5, new Random(1)), new Tanh()], 4), [3, 4]),
        ["ghost batches"] = static () => (new Normalized(new BatchNorm1d<float>(3) { VirtualBatchSize = 4 }), [10, 3]),
        ["recurrent"] = static () => Sequence([]),
        ["recurrent, LayerNorm"] = static () => Sequence([new LayerNorm<float>(4)]),
        ["recurrent, BatchNorm per step"] = static () =>
            Sequence([new BatchNorm1d<float>(4), new BatchNorm1d<float>(4), new BatchNorm1d<float>(4)]),
    };

    public static TheoryData<string> Layers => [.. _layers.Keys];

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_layer_goes_backward_the_way_it_came(string name)
    {
        (ILayer layer, int[] shape) = _layers[name]();
        Tensor<float> input = Tensor<float>.RandomNormal(shape, seed: 2);
        Tensor<float> factors = Tensor<float>.RandomNormal(layer.Forward(input).Shape, seed: 3);
        double Loss() => Dot(layer.Forward(input), factors);

        layer.Forward(input);
        Tensor<float> inputGradient = layer.Backward(factors).Clone();
        float[][] gradients = [.. layer.Parameters.Select(static p => p.Gradient.Span.ToArray())];

        Compare(input, inputGradient.Span, Loss);
        foreach ((Parameter<float> parameter, float[] gradient) in layer.Parameters.Zip(gradients))
            Compare(parameter.Value, gradient, Loss);
    }

    [Fact]
    public void A_sequence_ends_with_its_own_last_state_whatever_the_longer_ones_do()
    {
        Tensor<float> input = Tensor<float>.RandomNormal([5, 3, 2], seed: 1);
        Tensor<float> together = Recurrent([5, 4, 2]).Forward(input);
        Tensor<float> first = Tensor<float>.CopyFrom(input.AsReadOnlyTensorSpan()[..2, .., ..]);
        Tensor<float> cut = Recurrent([2, 2, 2]).Forward(first);
        together.Span[^4..].ToArray().Should().Equal(cut.Span[^4..].ToArray());

        static Recurrent Recurrent(int[] lengths) => new(2, 4, () => lengths, [], new Random(1));
    }

    [Fact]
    public void Statistics_of_a_step_are_those_of_the_sequences_that_still_run()
    {
        int[] lengths = [2, 4, 3, 4];
        BatchNorm1d<float>[] norms = [new(4), new(4), new(4), new(4), new(4)];
        var recurrent = new Recurrent(3, 4, () => lengths, norms, new Random(1));
        Tensor<float> input = Tensor<float>.RandomNormal([5, 4, 3], seed: 2);
        float[] output = recurrent.Forward(input).Span.ToArray();

        // The same by hand: at each step the rows that are valid go alone through a layer without a mask.
        ReadOnlyMemory<float>[] parameters = [.. recurrent.Parameters.Take(3).Select(static p => (ReadOnlyMemory<float>)p.Value.Memory)];
        float[][] states = [.. lengths.Select(static _ => new float[4])];
        for (int t = 0; t < 4; t++)
        {
            int[] valid = [.. Enumerable.Range(0, 4).Where(n => lengths[n] > t)];
            var norm = new BatchNorm1d<float>(4);
            Tensor<float> normalized = norm.Forward(new([.. valid.SelectMany(n => Sums(t, n))], valid.Length, 4));
            for (int i = 0; i < valid.Length; i++)
                states[valid[i]] = [.. normalized.Span.Slice(4 * i, 4).ToArray().Select(MathF.Tanh)];

            Compare(norms[t].RunningMean!.Span, norm.RunningMean!.Span);
            Compare(norms[t].RunningVariance!.Span, norm.RunningVariance!.Span);
        }

        Compare(output, states.SelectMany(static state => state).ToArray());
        norms[4].RunningMean!.Span.ToArray().Should().Equal([0, 0, 0, 0], "no sequence runs at step 4");
        norms[4].RunningVariance!.Span.ToArray().Should().Equal([1, 1, 1, 1], "no sequence runs at step 4");

        IEnumerable<float> Sums(int t, int n) => Enumerable.Range(0, 4).Select(unit =>
            Dot(parameters[0].Span.Slice(3 * unit, 3), input.Span.Slice((t * 4 + n) * 3, 3))
            + Dot(parameters[1].Span.Slice(4 * unit, 4), states[n]) + parameters[2].Span[unit]);

        static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => TensorPrimitives.Dot(a, b);

        static void Compare(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
        {
            actual.Length.Should().Be(expected.Length);
            for (int i = 0; i < actual.Length; i++)
                actual[i].Should().BeApproximately(expected[i], 1e-5f, "of element {0}", i);
        }
    }

    [Theory]
    [InlineData("no norm")]
    [InlineData("LayerNorm")]
    [InlineData("BatchNorm")]
    public void What_stands_behind_the_end_of_a_sequence_changes_nothing(string kind)
    {
        int[] lengths = [2, 4, 3, 4];
        Tensor<float> full = Tensor<float>.RandomNormal([5, 4, 3], seed: 1), empty = full.Clone();
        for (int row = 0; row < 20; row++)
        {
            if (row / 4 >= lengths[row % 4])
                empty.Span.Slice(3 * row, 3).Clear();
        }

        foreach ((float[] actual, float[] expected) in Results(full).Zip(Results(empty)))
            actual.Should().Equal(expected);

        List<float[]> Results(Tensor<float> input)
        {
            NormalizationLayer<float>[] norms = kind switch
            {
                "LayerNorm" => [new LayerNorm<float>(4)],
                "BatchNorm" => [new BatchNorm1d<float>(4), new BatchNorm1d<float>(4), new BatchNorm1d<float>(4)],
                _ => [],
            };
            var recurrent = new Recurrent(3, 4, () => lengths, norms, new Random(1));
            float[] output = recurrent.Forward(input).Span.ToArray();
            float[] inputGradient = recurrent.Backward(Tensor<float>.RandomNormal([4, 4], seed: 2)).Span.ToArray();
            return [output, inputGradient, .. recurrent.Parameters.Select(static p => p.Gradient.Span.ToArray())];
        }
    }

    [Fact]
    public void Delayed_rows_are_empty_rows_and_then_the_image_longest_first()
    {
        Tensor<float> images = Tensor<float>.RandomNormal([3, 16], seed: 1);
        var layer = new DelayedRows(4) { ShortestDelay = 0, LongestDelay = 2 };
        Tensor<float> rows = layer.Forward(images);
        layer.Lengths.Should().Equal(6, 5, 4);
        for (int n = 0; n < 3; n++)
        {
            for (int t = 0; t < 6; t++)
            {
                int row = t - (2 - n);
                float[] expected = row is >= 0 and < 4 ? images.Span.Slice(n * 16 + row * 4, 4).ToArray() : new float[4];
                rows.Span.Slice((t * 3 + n) * 4, 4).ToArray().Should().Equal(expected);
            }
        }
    }

    [Fact]
    public void Noise_and_dropout_do_nothing_in_evaluation()
    {
        Tensor<float> input = Tensor<float>.RandomNormal([4, 3], seed: 1);
        foreach (ILayer layer in new ILayer[] { new Dropout(0.5, new Random(1)), new ShiftNoise(3, new Random(1)) })
        {
            layer.Forward(input).Span.ToArray().Should().NotEqual(input.Span.ToArray());
            layer.Eval();
            layer.Forward(input).Should().BeSameAs(input);
        }
    }

    [Fact]
    public void Dropout_keeps_the_mean_and_drops_the_same_gradients()
    {
        var dropout = new Dropout(0.2, new Random(1));
        Tensor<float> output = dropout.Forward(Tensor<float>.Full([200, 50], 1)).Clone();
        output.Span.ToArray().Average().Should().BeApproximately(1, 0.02f);
        output.Span.ToArray().Count(static x => x == 0).Should().BeInRange(1800, 2200);
        dropout.Backward(Tensor<float>.Full([200, 50], 1)).Span.ToArray().Should().Equal(output.Span.ToArray());
    }

    private static (ILayer Layer, int[] Shape) Sequence(NormalizationLayer<float>[] norms) =>
        (new Recurrent(3, 4, static () => [5, 5, 4, 3, 2], norms, new Random(1)), [5, 5, 3]);

    private static void Compare(Tensor<float> values, ReadOnlySpan<float> gradient, Func<double> loss)
    {
        float[] differences = new float[values.Length];
        for (int i = 0; i < differences.Length; i++)
        {
            // Richardson's extrapolation: BatchNorm of a few examples bends too much for one difference.
            differences[i] = (float)((4 * Slope(ref values.Span[i], Step / 2) - Slope(ref values.Span[i], Step)) / 3);
        }

        float largest = differences.Max(Math.Abs);
        for (int i = 0; i < differences.Length; i++)
            gradient[i].Should().BeApproximately(differences[i], 0.01f * Math.Max(largest, 0.1f), "of element {0}", i);

        double Slope(ref float value, float step)
        {
            float kept = value;
            value = kept + step;
            double above = loss();
            value = kept - step;
            double below = loss();
            value = kept;
            return (above - below) / (2 * step);
        }
    }

    private static double Dot(Tensor<float> a, Tensor<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a.Span[i] * b.Span[i];

        return sum;
    }
}
