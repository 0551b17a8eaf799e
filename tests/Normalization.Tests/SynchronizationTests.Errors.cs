namespace Normalization.Tests;

/// <content>What is refused, and what fails: an error on all ranks that changes nothing.</content>
public sealed partial class SynchronizationTests
{
    [Theory]
    [InlineData("channels", "4 channels of float with epsilon 1E-05")]
    [InlineData("type", "3 channels of double with epsilon 1E-05")]
    [InlineData("epsilon", "3 channels of float with epsilon 0.001")]
    public void Ranks_with_different_layers_all_learn_of_it(string difference, string other) =>
        OnEachOf(3, ranks =>
        {
            bool isOdd = ranks.Rank == 1;
            FluentActions.Invoking(() => Synchronize(ranks, isOdd ? difference : "")).Should()
                .Throw<CollectiveException>().WithMessage($"*ranks 0, 2: a BatchNorm of 3 channels of float with epsilon 1E-05 (layer 1, call 1); rank 1: a BatchNorm of {other} (layer 1, call 1))*");

            // The layer is as it was, and the ranks can go on.
            var layer = new BatchNorm1d<float>(Channels);
            layer.Synchronize(ranks);
            layer.IsSynchronized.Should().BeTrue();
            layer.Forward(Input(4));
        });

    [Fact]
    public void Ranks_that_go_back_through_different_batches_all_learn_of_it() =>
        OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            ForwardContext<float> small = new(), large = new();
            layer.Forward(Input(4), new Tensor<float>(4, Channels), small);
            layer.Forward(Input(6), new Tensor<float>(6, Channels), large);
            Tensor<float> gradient = Input(ranks.Rank == 0 ? 4 : 6);
            FluentActions.Invoking(() => layer.Backward(gradient, gradient, ranks.Rank == 0 ? small : large)).Should()
                .Throw<CollectiveException>().WithMessage(
                    "*rank 0: backward through a BatchNorm of 3 channels of float and 8 elements in each (layer 1, call 4); rank 1: *and 12 elements in each*");
        });

    [Fact]
    public void Arguments_that_one_rank_refuses_are_an_error_on_all_and_change_nothing() =>
        OnEachOf(3, static ranks =>
        {
            bool isOdd = ranks.Rank == 2;
            BatchNorm1d<float> layer = Synchronized(ranks);
            Tensor<float> wrong = new(4, isOdd ? Channels + 1 : Channels);
            Refuse(layer, () => layer.Forward(wrong), isOdd);
            Refuse(layer, () => layer.Forward(Input(4), new Tensor<float>(isOdd ? 3 : 4, Channels)), isOdd);
            layer.Forward(Input(4));
            Refuse(layer, () => layer.Backward(new Tensor<float>(isOdd ? 3 : 4, Channels)), isOdd);
            Refuse(layer, () => layer.Backward(Input(4), new Tensor<float>(isOdd ? 3 : 4, Channels)), isOdd);
            layer.Backward(Input(4)).Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
        });

    [Fact]
    public void One_value_per_channel_on_all_ranks_together_is_an_error_on_all() =>
        OnEachOf(3, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            FluentActions.Invoking(() => layer.Forward(Input(ranks.Rank == 1 ? 1 : 0))).Should()
                .Throw<ArgumentException>().WithMessage("*all ranks together have one*");
            layer.BatchesTracked.Should().Be(0);

            // One value on each of two ranks is enough.
            layer.Forward(Input(ranks.Rank == 1 ? 0 : 1)).Length.Should().Be(ranks.Rank == 1 ? 0 : Channels);
        });

    [Fact]
    public void A_pass_in_another_direction_than_the_others_is_an_error_on_all() =>
        OnEachOf(2, static ranks =>
        {
            // As many values: forward sends three a channel, backward two.
            var three = new BatchNorm1d<float>(4);
            var two = new BatchNorm1d<float>(6);
            three.Synchronize(ranks);
            two.Synchronize(ranks);
            two.Forward(Normal(4, 6));
            FluentActions.Invoking(() => ranks.Rank == 0 ? three.Forward(Normal(4, 4)) : two.Backward(Normal(4, 6))).Should()
                .Throw<CollectiveException>().WithMessage("*rank 0: forward through a BatchNorm of 4*rank 1: backward through a BatchNorm of 6*same order*");
            two.Backward(Normal(4, 6)).Length.Should().Be(24);
        });

    [Fact]
    public void Another_number_of_values_than_the_others_is_an_error_on_all() =>
        OnEachOf(2, static ranks =>
        {
            double[] values = new double[2 + ranks.Rank];
            FluentActions.Invoking(() => ranks.AllReduce(values)).Should().Throw<CollectiveException>().WithMessage("*in their order 2, 3*");
            FluentActions.Invoking(() => ranks.AllGather([1], new double[3])).Should().Throw<ArgumentException>().WithParameterName("gathered");
            values = [1 + ranks.Rank];
            ranks.AllReduce(values);
            values.Should().Equal(3);
        });

    [Fact]
    public void A_collective_that_fails_leaves_everything_as_it_was()
    {
        var collective = new Echo();
        BatchNorm1d<float> layer = Synchronized(collective);
        var context = new ForwardContext<float>();
        Tensor<float> input = Input(4), output = new(4, Channels), gradient = new(4, Channels);
        layer.Forward(input, output, context);
        collective.IsBroken = true;
        long[] before = [.. State(layer), .. Values.Bits(output), BitConverter.DoubleToInt64Bits(context.GetMean(0))];

        FluentActions.Invoking(() => layer.Forward(Normal(9, Channels), new(9, Channels), context)).Should().Throw<CollectiveException>();
        FluentActions.Invoking(() => layer.Backward(Normal(4, Channels), gradient, context)).Should().Throw<CollectiveException>();

        long[] after = [.. State(layer), .. Values.Bits(output), BitConverter.DoubleToInt64Bits(context.GetMean(0))];
        after.Should().Equal(before);
        gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        context.Input.Should().BeSameAs(input);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_rank_that_fails_or_ends_does_not_leave_the_others_waiting(bool fails)
    {
        AggregateException thrown = FluentActions.Invoking(() => InMemoryCollective.Run(4, ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            if (ranks.Rank != 2)
                layer.Forward(Input(4));
            else if (fails)
                throw new TimeoutException("planted");
        })).Should().Throw<AggregateException>().Which;
        thrown.InnerExceptions.OfType<CollectiveException>().Should().HaveCount(3)
            .And.OnlyContain(static exception => exception.Message.StartsWith("Rank 2 of 4 has left", StringComparison.Ordinal));
        thrown.InnerExceptions.OfType<TimeoutException>().Should().HaveCount(fails ? 1 : 0);
    }

    [Fact]
    public void A_rank_that_has_left_refuses_later_calls_too()
    {
        IReadOnlyList<InMemoryCollective> ranks = InMemoryCollective.Create(2);
        ranks[1].Dispose();
        FluentActions.Invoking(() => ranks[0].AllReduce([1])).Should().Throw<CollectiveException>();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_collective_without_ranks_is_refused(int size)
    {
        FluentActions.Invoking(() => InMemoryCollective.Create(size)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => InMemoryCollective.Run(size, static _ => { })).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(static () => InMemoryCollective.Run(1, null!)).Should().Throw<ArgumentNullException>();
    }

    private static void Synchronize(ICollective ranks, string difference)
    {
        switch (difference)
        {
            case "channels":
                new BatchNorm1d<float>(Channels + 1).Synchronize(ranks);
                break;
            case "type":
                new BatchNorm1d<double>(Channels).Synchronize(ranks);
                break;
            default:
                new BatchNorm1d<float>(Channels, difference == "epsilon" ? 1e-3 : 1e-5).Synchronize(ranks);
                break;
        }
    }

    private static void Refuse(BatchNorm1d<float> layer, Action call, bool isOdd)
    {
        long[] before = State(layer);
        if (isOdd)
            FluentActions.Invoking(call).Should().Throw<ArgumentException>().WithMessage("expected *");
        else
            FluentActions.Invoking(call).Should().Throw<CollectiveException>().WithMessage("*rank 2: arguments refused*");
        State(layer).Should().Equal(before);
    }
}
