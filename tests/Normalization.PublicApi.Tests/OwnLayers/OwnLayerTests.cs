using Normalization;

namespace OwnLayers;

/// <summary>Layers that a user writes outside of the library have all that its own layers have.</summary>
public sealed class OwnLayerTests
{
    [Fact]
    public void A_class_conditional_batch_norm_takes_its_coefficients_from_the_row_of_each_class()
    {
        var layer = new ClassConditionalBatchNorm<double>(3, 2) { Classes = [2, 0, 2, 1] };
        var plain = new BatchNorm1d<double>(2, affine: false);
        Tensor<double> input = Tensor<double>.RandomNormal([4, 2, 5], seed: 1);
        Randomize(layer);
        Tensor<double> output = layer.Forward(input), normalized = plain.Forward(input);
        for (int i = 0; i < output.Length; i++)
        {
            int row = layer.Classes[i / 10], channel = i / 5 % 2;
            double expected = (normalized.Span[i] * layer.Scales.Value[row, channel]) + layer.Shifts.Value[row, channel];
            output.Span[i].Should().BeApproximately(expected, 1e-14);
        }
        Bits(layer.RunningMean!).Should().Equal(Bits(plain.RunningMean!));
        Differences.Require(layer, input);
        RequireSameStateAfterLoading(layer, new ClassConditionalBatchNorm<double>(3, 2) { Classes = layer.Classes }, input);
        layer.GetState().Keys.Should().Equal("scales", "shifts", "running_mean", "running_var", "num_batches_tracked");
    }

    [Theory]
    [InlineData(2, 3, 4, 5)]
    [InlineData(1, 40, 7, 19)]
    [InlineData(3, 1, 2, 2)]
    [InlineData(2, 3, 0, 5)]
    public void A_layer_norm_over_the_channels_is_layer_norm_on_the_transposed_tensor(int n, int c, int h, int w)
    {
        var layer = new ChannelLayerNorm<double>(c);
        var rows = new LayerNorm<double>(c, epsilon: 1e-6);
        Tensor<double> input = Tensor<double>.RandomNormal([n, c, h, w], seed: 1, mean: 3), gradient = Tensor<double>.RandomNormal([n, c, h, w], seed: 2);
        Randomize(layer);
        rows.LoadState(layer.GetState());
        Bits(ChannelsLast(layer.Forward(input))).Should().Equal(Bits(rows.Forward(ChannelsLast(input))));
        Bits(ChannelsLast(layer.Backward(gradient))).Should().Equal(Bits(rows.Backward(ChannelsLast(gradient))));
        Bits(layer.Weight!.Gradient).Should().Equal(Bits(rows.Weight!.Gradient));
        Bits(layer.Bias!.Gradient).Should().Equal(Bits(rows.Bias!.Gradient));
        layer.Eval();
        Tensor<double> output = layer.Forward(input);
        layer.Forward(input, input);
        Bits(input).Should().Equal(Bits(output), "evaluation may write over its input");
    }

    [Fact]
    public void A_layer_norm_over_the_channels_has_the_gradients_of_its_output_and_a_state()
    {
        var layer = new ChannelLayerNorm<double>(4);
        Tensor<double> input = Tensor<double>.RandomNormal([2, 4, 3, 2], seed: 1);
        Randomize(layer);
        Differences.Require(layer, input);
        RequireSameStateAfterLoading(layer, new ChannelLayerNorm<double>(4), input);
        layer.Weight!.RequiresGradient = layer.Bias!.RequiresGradient = false;
        layer.ZeroGradients();
        layer.Forward(input);
        layer.Backward(input).Span[0].Should().NotBe(0);
        layer.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0, "γ is frozen");
    }

    [Fact]
    public void A_virtual_batch_norm_has_the_statistics_of_each_piece_and_moves_the_running_ones_once_for_each()
    {
        var layer = new GhostBatchNorm<double>(2, pieceSize: 3);
        var pieces = new BatchNorm1d<double>(2);
        Tensor<double> input = Tensor<double>.RandomNormal([6, 2, 4], seed: 1, mean: 2);
        Tensor<double> output = layer.Forward(input);
        double[] first = Bits(pieces.Forward(new(input.Memory[..24], 3, 2, 4))), second = Bits(pieces.Forward(new(input.Memory[24..], 3, 2, 4)));
        Bits(output).Should().Equal([.. first, .. second]);
        Bits(layer.RunningMean!).Should().Equal(Bits(pieces.RunningMean!));
        Bits(layer.RunningVariance!).Should().Equal(Bits(pieces.RunningVariance!));
        layer.BatchesTracked.Should().Be(2);
        Bits(new BatchNorm1d<double>(2) { VirtualBatchSize = 3 }.Forward(input)).Should().Equal(Bits(output), "the option does the same");
        Randomize(layer);
        Differences.Require(layer, input);
        RequireSameStateAfterLoading(layer, new GhostBatchNorm<double>(2, pieceSize: 3), input);
    }

    [Fact]
    public void Statistics_of_a_layer_that_is_not_ours_are_saved_loaded_and_used()
    {
        var layer = new DatasetNorm<double>(3);
        Tensor<double> input = Tensor<double>.RandomNormal([5, 3], seed: 1, mean: 4);
        Randomize(layer);
        Differences.Require(layer, input);
        long batches = layer.Batches;
        batches.Should().BeGreaterThan(2);
        var other = new DatasetNorm<double>(3);
        RequireSameStateAfterLoading(layer, other, input);
        (other.Batches, other.Loads).Should().Be((batches, 1));
        layer.GetState().Keys.Should().Equal("weight", "mean", "variance", "batches");
        layer.Invoking(item => item.Forward(input, item.Mean.Reshape(1, 3))).Should().Throw<ArgumentException>();
        layer.Invoking(static item => item.RegisterTwice()).Should().Throw<ArgumentException>().WithMessage("*weight*");
    }

    [Fact]
    public void A_negative_value_is_refused_where_a_layer_says_that_there_is_none()
    {
        var layer = new DatasetNorm<double>(1);
        StateDictionary state = new()
        {
            { "weight", new Tensor<double>(1) },
            { "mean", Tensor<double>.Full([1], -1) },
            { "variance", Tensor<double>.Full([1], -1) },
            { "batches", 7 },
        };
        layer.Invoking(item => item.LoadState(state)).Should().Throw<ArgumentException>().WithMessage("*variance*negative*");
        (layer.Batches, layer.Mean[0], layer.Loads).Should().Be((0, 0, 0), "nothing is loaded then");
    }

    [Fact]
    public void Ranks_share_the_statistics_of_a_layer_that_is_not_ours()
    {
        Tensor<double> input = Tensor<double>.RandomNormal([6, 3], seed: 1, mean: 4);
        var whole = new DatasetNorm<double>(3);
        Tensor<double> expected = whole.Forward(input), actual = new(6, 3);
        InMemoryCollective.Run(2, ranks =>
        {
            var layer = new DatasetNorm<double>(3);
            layer.Share(ranks);
            Memory<double> part = actual.Memory.Slice(ranks.Rank * 9, 9);
            layer.Forward(new(input.Memory.Slice(ranks.Rank * 9, 9), 3, 3), new(part, 3, 3));
            for (int i = 0; i < 3; i++)
                layer.Mean[i].Should().BeApproximately(whole.Mean[i], 1e-14);
        });
        for (int i = 0; i < expected.Length; i++)
            actual.Span[i].Should().BeApproximately(expected.Span[i], 1e-13);
    }

    /// <summary>Saves to a file with the layers of a model, loads into another layer, and compares what both compute in evaluation.</summary>
    private static void RequireSameStateAfterLoading(NormalizationLayer<double> layer, NormalizationLayer<double> other, Tensor<double> input)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            new LayerDictionary<double> { { "norm", layer }, { "last", new GroupNorm<double>(1, 2) } }.Save(path);
            new LayerDictionary<double> { { "norm", other }, { "last", new GroupNorm<double>(1, 2) } }.Load(path);
        }
        finally
        {
            File.Delete(path);
        }
        layer.Eval();
        other.Eval();
        Bits(other.Forward(input)).Should().Equal(Bits(layer.Forward(input)));
        layer.Train();
    }

    private static void Randomize(NormalizationLayer<double> layer)
    {
        int seed = 10;
        foreach (Parameter<double> parameter in layer.Parameters)
            Tensor<double>.RandomNormal(parameter.Value.Shape, seed++, mean: 1).CopyTo(parameter.Value);
    }

    private static double[] Bits(Tensor<double> tensor) => tensor.Span.ToArray();

    /// <summary>[n, c, h, w] as [n, h, w, c].</summary>
    private static Tensor<double> ChannelsLast(Tensor<double> tensor)
    {
        var result = new Tensor<double>(tensor.Shape[0], tensor.Shape[2], tensor.Shape[3], tensor.Shape[1]);
        int c = tensor.Shape[1], s = tensor.Shape[2] * tensor.Shape[3];
        for (int i = 0; i < tensor.Length; i++)
            result.Span[(((i / (c * s) * s) + (i % s)) * c) + (i / s % c)] = tensor.Span[i];
        return result;
    }
}
