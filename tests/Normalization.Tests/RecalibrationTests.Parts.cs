namespace Normalization.Tests;

/// <content>Samples that are seen in parts: saved ones, and those of several ranks.</content>
public sealed partial class RecalibrationTests
{
    [Fact]
    public void Parts_that_are_saved_and_added_give_the_whole()
    {
        BatchNorm1d<double> whole = new(Channels), merged = new(Channels);
        using (Recalibration<double> recalibration = whole.Recalibrate())
        {
            for (int seed = 1; seed <= 10; seed++)
                whole.Forward(Wide(seed));
            recalibration.Complete();
        }
        var parts = new List<byte[]>();
        for (int seed = 1; seed <= 10; seed++)
        {
            var worker = new BatchNorm1d<double>(Channels);
            using Recalibration<double> part = worker.Recalibrate();
            worker.Forward(Wide(seed));
            parts.Add(StateBytes.Of(part.GetState()));
        }
        using (Recalibration<double> recalibration = merged.Recalibrate())
        {
            foreach (byte[] part in parts)
                recalibration.AddState(SafeTensorsFile.Parse(part).State);
            recalibration.Complete();
        }
        Values.Distance(merged.RunningMean!.Span, Values.Doubles(whole.RunningMean)).Should().BeLessThan(1e-15);
        Values.Distance(merged.RunningVariance!.Span, Values.Doubles(whole.RunningVariance)).Should().BeLessThan(1e-15);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ranks_that_see_a_part_each_get_the_bits_of_the_whole(bool isSynchronized) => Ranks.OnEachOf(4, ranks =>
    {
        BatchNorm1d<float> layer = new(Channels), whole = new(Channels);
        if (isSynchronized)
            layer.Synchronize(ranks);
        using (Recalibration<float> recalibration = layer.Recalibrate())
        {
            // A synchronized layer needs as many passes on each rank.
            for (int pass = 0; pass < (isSynchronized ? 2 : ranks.Rank); pass++)
                layer.Forward(Input(1 + (10 * ranks.Rank) + pass));
            recalibration.Complete(ranks);
        }
        using Recalibration<float> all = whole.Recalibrate();
        for (int rank = 0; rank < ranks.Size; rank++)
        {
            for (int pass = 0; pass < (isSynchronized ? 2 : rank); pass++)
                whole.Forward(Input(1 + (10 * rank) + pass));
        }
        all.Complete();
        Values.Bits(layer.RunningMean).Should().Equal(Values.Bits(whole.RunningMean));
        Values.Bits(layer.RunningVariance).Should().Equal(Values.Bits(whole.RunningVariance));
    });

    [Fact]
    public void Ranks_that_recalibrate_different_layers_all_learn_of_it_and_can_go_on() => Ranks.OnEachOf(2, static ranks =>
    {
        var layer = new BatchNorm1d<float>(Channels);
        using (Recalibration<float> other = layer.Recalibrate(ranks.Rank == 0 ? RecalibrationMethod.Pooled : RecalibrationMethod.BatchAverage))
        {
            layer.Forward(Input(1));
            other.Invoking(item => item.Complete(ranks)).Should().Throw<CollectiveException>().WithMessage("Rank 1 recalibrates*");
        }
        layer.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value == 0);
        using (Recalibration<float> ended = layer.Recalibrate())
        {
            layer.Forward(Input(1));
            if (ranks.Rank == 0)
            {
                ended.Invoking(item => item.Complete(ranks)).Should().Throw<CollectiveException>();
            }
            else
            {
                ended.Dispose();
                ended.Invoking(item => item.Complete(ranks)).Should().Throw<InvalidOperationException>();
            }
        }
        using Recalibration<float> recalibration = layer.Recalibrate();
        layer.Forward(Input(1));
        recalibration.Complete(ranks);
        layer.RunningMean.Span[0].Should().NotBe(0);
    });

    [Theory]
    [InlineData("another method")]
    [InlineData("other channels")]
    [InlineData("a NaN")]
    [InlineData("a negative variance")]
    [InlineData("a negative count")]
    public void A_part_that_does_not_fit_is_refused_and_adds_nothing(string fault)
    {
        BatchNorm1d<float> layer = new(Channels), other = new(fault == "other channels" ? 2 : Channels);
        using Recalibration<float> recalibration = layer.Recalibrate();
        layer.Forward(Input(1));
        using Recalibration<float> part = other.Recalibrate(fault == "another method" ? RecalibrationMethod.BatchAverage : RecalibrationMethod.Pooled);
        other.Forward(Tensor<float>.RandomNormal([4, other.NumFeatures], 2));
        var state = new StateDictionary();
        foreach ((string key, StateValue value) in part.GetState())
        {
            state.Add(key, (fault, key) switch
            {
                ("a NaN", "mean_low") => Tensor<double>.Full([Channels], double.NaN),
                ("a negative variance", "variance") => Tensor<double>.Full([Channels], -1),
                ("a negative count", "element_count") => -1,
                _ => value,
            });
        }
        byte[] before = StateBytes.Of(recalibration.GetState());
        recalibration.Invoking(item => item.AddState(state)).Should().Throw<ArgumentException>();
        StateBytes.Of(recalibration.GetState()).Should().Equal(before);
    }
}
