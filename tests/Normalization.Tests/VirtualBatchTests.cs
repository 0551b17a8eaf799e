namespace Normalization.Tests;

/// <summary>BatchNorm whose training takes the statistics of pieces of the batch.</summary>
public sealed class VirtualBatchTests
{
    private const int Channels = 3;

    [Theory]
    [InlineData(8, 4, new[] { 4, 4 })]
    [InlineData(11, 4, new[] { 4, 7 })]
    [InlineData(12, 4, new[] { 4, 4, 4 })]
    [InlineData(7, 4, new[] { 7 })]
    [InlineData(3, 4, new[] { 3 })]
    public void Each_piece_is_a_batch_of_its_own_and_a_remainder_joins_the_last(int n, int size, int[] pieces)
    {
        BatchNorm2d<float> layer = new(Channels) { VirtualBatchSize = size }, turns = new(Channels);
        Tensor<float> input = Tensor<float>.RandomNormal([n, Channels, 2, 3], seed: 1, mean: 2), gradient = Tensor<float>.RandomNormal(input.Shape, seed: 2);
        var context = new ForwardContext<float>();
        Tensor<float> output = new(input.Shape), inputGradient = new(input.Shape);
        layer.Forward(input, output, context);
        layer.Backward(gradient, inputGradient, context);
        List<float> outputs = [], inputGradients = [];
        int start = 0;
        foreach (int count in pieces)
        {
            outputs.AddRange(turns.Forward(Part(input)).Span);
            inputGradients.AddRange(turns.Backward(Part(gradient)).Span);
            start += count;

            Tensor<float> Part(Tensor<float> batch) => new(batch.Memory.Slice(start * Channels * 6, count * Channels * 6), count, Channels, 2, 3);
        }
        output.Span.ToArray().Should().Equal(outputs);
        inputGradient.Span.ToArray().Should().Equal(inputGradients);
        Values.Bits(layer.Weight!.Gradient).Should().Equal(Values.Bits(turns.Weight!.Gradient));
        Values.Bits(layer.Bias!.Gradient).Should().Equal(Values.Bits(turns.Bias!.Gradient));
        Values.Bits(layer.RunningMean).Should().Equal(Values.Bits(turns.RunningMean));
        Values.Bits(layer.RunningVariance).Should().Equal(Values.Bits(turns.RunningVariance));
        layer.BatchesTracked.Should().Be(pieces.Length);
        context.GroupCount.Should().Be(pieces.Length * Channels);
    }

    [Fact]
    public void Evaluation_takes_the_whole_batch_where_it_takes_the_batch()
    {
        BatchNorm1d<float> pieces = new(Channels, trackRunningStatistics: false) { VirtualBatchSize = 2 };
        BatchNorm1d<float> whole = new(Channels, trackRunningStatistics: false);
        Tensor<float> input = Tensor<float>.RandomNormal([6, Channels], seed: 1);
        Values.Bits(pieces.Forward(input)).Should().NotEqual(Values.Bits(whole.Forward(input)));
        pieces.Eval();
        whole.Eval();
        Values.Bits(pieces.Forward(input)).Should().Equal(Values.Bits(whole.Forward(input)));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(6, 0)]
    public void An_empty_batch_has_no_pieces_and_counts_once(int n, int positions)
    {
        var layer = new BatchNorm1d<float>(Channels) { VirtualBatchSize = 2 };
        layer.Backward(layer.Forward(new Tensor<float>(n, Channels, positions))).Length.Should().Be(0);
        layer.BatchesTracked.Should().Be(1);
        layer.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void Frozen_statistics_have_no_pieces()
    {
        var layer = new BatchNorm1d<float>(Channels) { VirtualBatchSize = 1, UseRunningStatistics = true };
        var context = new ForwardContext<float>();
        layer.Forward(Tensor<float>.RandomNormal([6, Channels], seed: 1), new(6, Channels), context);
        context.GroupCount.Should().Be(Channels);
        layer.BatchesTracked.Should().Be(0);
    }

    [Fact]
    public void A_repeated_pass_and_a_recalibration_have_pieces_too()
    {
        var layer = new BatchNorm1d<double>(Channels) { VirtualBatchSize = 2 };
        var context = new ForwardContext<double>();
        Tensor<double> input = Tensor<double>.RandomNormal([5, Channels], seed: 1), output = new(input.Shape), again = new(input.Shape);
        layer.Forward(input, output, context);
        context.IsRecomputation = true;
        layer.Forward(input, again, context);
        Values.Bits(again).Should().Equal(Values.Bits(output));
        layer.BatchesTracked.Should().Be(2);
        layer.Eval();
        using Recalibration<double> recalibration = layer.Recalibrate(RecalibrationMethod.BatchAverage);
        Values.Bits(layer.Forward(input)).Should().Equal(Values.Bits(output));
        recalibration.GetState()["group_count"].ToInt64().Should().Be(2);
    }

    [Fact]
    public void What_has_no_virtual_batches_is_refused()
    {
        FluentActions.Invoking(static () => new BatchNorm1d<float>(Channels) { VirtualBatchSize = 0 }).Should()
            .Throw<ArgumentOutOfRangeException>().WithMessage("VirtualBatchSize must be positive, got 0*");
        var single = new BatchNorm1d<float>(Channels) { VirtualBatchSize = 1 };
        single.Invoking(static layer => layer.Forward(new Tensor<float>(4, Channels))).Should().Throw<ArgumentException>()
            .WithMessage("*got the input [4, 3] in virtual batches of 1: the variance*");
        single.Forward(new Tensor<float>(4, Channels, 2));
        FluentActions.Invoking(static () => NormalizationPlan.Rows(4, 3).InVirtualBatches(2)).Should().Throw<InvalidOperationException>();
        $"{NormalizationPlan.Batch(8, 3, 1).InVirtualBatches(4)}".Should().EndWith("[8, 3, 1], pieces of 4");
        $"{single}".Should().EndWith("trackRunningStatistics: True, virtualBatchSize: 1)");
    }

    [Fact]
    public void A_layer_with_virtual_batches_cannot_be_synchronized_and_all_ranks_learn_of_it() => Ranks.OnEachOf(2, static ranks =>
    {
        var layer = new BatchNorm1d<float>(Channels) { VirtualBatchSize = ranks.Rank == 0 ? 4 : null };
        if (ranks.Rank == 0)
            layer.Invoking(item => item.Synchronize(ranks)).Should().Throw<InvalidOperationException>().WithMessage("*VirtualBatchSize*");
        else
            layer.Invoking(item => item.Synchronize(ranks)).Should().Throw<CollectiveException>();
        layer.IsSynchronized.Should().BeFalse();
        new BatchNorm1d<float>(Channels).Synchronize(ranks);
    });
}
