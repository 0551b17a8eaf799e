using System.Numerics;
using Normalization.Verify.Distributed;

namespace Normalization.Tests;

/// <summary>BatchNorm over several ranks, with threads as ranks.</summary>
public sealed class SynchronizationTests
{
    private const int Channels = 3;

    public static TheoryData<int> Sizes => [1, 2, 3, 4, 5, 6, 7, 8];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Any_split_of_a_batch_gives_what_one_process_gives(int size) =>
        InMemoryCollective.Run(size, static ranks =>
        {
            SynchronizeReport report = new SynchronizeCheck(ranks).Run(cases: 50, seed: ranks.Size);
            report.Broken.Should().BeEmpty();
            report.Compared.Should().BePositive();
        });

    /// <summary>The mean of one rank becomes part of another mean. In backward no rank sees all dy, so no rank could mend the mean.</summary>
    [Fact]
    public void A_large_common_part_of_the_output_gradient_costs_no_digits_over_ranks() =>
        OnEachOf(2, static ranks =>
        {
            const int Samples = 3;
            var sample = new Sample<float>(new(Kind.Batch, 2 * Samples, Channels, 300));
            foreach (ref float value in sample.OutputGradient.Span)
                value += 1e4f;
            var reference = Reference.Of(sample);
            (double[] expected, _, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            var layer = (BatchNorm<float>)sample.Layer;
            layer.Synchronize(ranks);
            layer.Forward(Part(sample.Input));
            double[] actual = Values.Doubles(layer.Backward(Part(sample.OutputGradient)));
            double error = actual.Zip(expected[(ranks.Rank * actual.Length)..], static (a, e) => (a - e) * (a - e)).Sum();
            double norm = expected.Skip(ranks.Rank * actual.Length).Take(actual.Length).Sum(static e => e * e);
            Math.Sqrt(error / norm).Should().BeLessThan(6e-7);

            Tensor<float> Part(Tensor<float> whole)
            {
                var part = new Tensor<float>(Samples, Channels, 300);
                whole.Span.Slice(ranks.Rank * part.Length, part.Length).CopyTo(part.Span);
                return part;
            }
        });

    [Fact]
    public void The_check_notices_a_number_that_is_slightly_wrong() =>
        InMemoryCollective.Run(2, static ranks =>
            new SynchronizeCheck(new Disturbed(ranks)).Run(cases: 8, seed: 1).BrokenOnAllRanks.Should().BePositive());

    [Fact]
    public void A_pass_is_one_message_each_way_and_evaluation_none()
    {
        var counter = new Echo();
        BatchNorm1d<float> layer = Synchronized(counter);
        counter.Calls = 0;
        layer.Forward(Input(4));
        counter.Calls.Should().Be(1);
        layer.Backward(Input(4));
        counter.Calls.Should().Be(2);
        layer.Eval();
        layer.Forward(Input(1));
        counter.Calls.Should().Be(2);
    }

    [Fact]
    public void A_single_rank_has_nobody_to_ask()
    {
        var alone = new Echo { Size = 1 };
        BatchNorm1d<float> layer = Synchronized(alone);
        layer.Forward(Input(4));
        layer.IsSynchronized.Should().BeFalse();
        alone.Calls.Should().Be(0);
    }

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
    public void A_batch_that_is_empty_everywhere_counts_and_changes_nothing_else() =>
        OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            layer.Forward(Input(0)).Length.Should().Be(0);
            layer.Backward(Input(0)).Length.Should().Be(0);
            layer.BatchesTracked.Should().Be(1);
            layer.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value == 0);
            layer.Weight!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        });

    [Fact]
    public void An_empty_rank_follows_the_running_statistics_of_the_others() =>
        OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            layer.Forward(Input(ranks.Rank == 0 ? 5 : 0));
            double[] own = Values.Doubles(layer.RunningMean), all = new double[2 * Channels];
            ranks.AllGather(own, all);
            all[..Channels].Should().Equal(all[Channels..]).And.NotEqual(new double[Channels]);
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
    public void Sums_are_taken_in_the_order_of_the_ranks() =>
        OnEachOf(4, static ranks =>
        {
            double[] terms = [1e16, 1, -1e16, 1], values = [terms[ranks.Rank]];
            ranks.AllReduce(values);
            values.Should().Equal(((1e16 + 1) - 1e16) + 1);
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

    [Fact]
    public void Synchronization_can_be_ended()
    {
        var collective = new Echo();
        BatchNorm1d<float> layer = Synchronized(collective), alone = new(Channels);
        layer.Synchronize(null);
        collective.IsBroken = true;
        layer.IsSynchronized.Should().BeFalse();
        Values.Bits(layer.Forward(Input(4))).Should().Equal(Values.Bits(alone.Forward(Input(4))));
    }

    [Fact]
    public void A_NaN_on_one_rank_stays_in_its_channel() =>
        OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            Tensor<float> input = Input(4);
            if (ranks.Rank == 1)
                input[2, 1] = float.NaN;
            Tensor<float> output = layer.Forward(input), gradient = layer.Backward(Input(4));
            for (int i = 0; i < output.Length; i++)
            {
                float.IsNaN(output.Span[i]).Should().Be(i % Channels == 1);
                float.IsNaN(gradient.Span[i]).Should().Be(i % Channels == 1);
            }
        });

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

    private static void OnEachOf(int size, Action<ICollective> body) => InMemoryCollective.Run(size, body);

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

    private static BatchNorm1d<float> Synchronized(ICollective ranks)
    {
        var layer = new BatchNorm1d<float>(Channels);
        layer.Synchronize(ranks);
        return layer;
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

    private static Tensor<float> Input(int samples) => Normal(samples, Channels);

    private static Tensor<float> Normal(int samples, int channels) => Tensor<float>.RandomNormal([samples, channels], seed: 1, mean: 2);

    private static long[] State<T>(BatchNorm<T> layer) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
    [
        layer.BatchesTracked,
        .. Values.Bits(layer.RunningMean),
        .. Values.Bits(layer.RunningVariance),
        .. layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Gradient)),
    ];

    /// <summary>Changes the last value of every message by a millionth.</summary>
    private sealed class Disturbed(ICollective ranks) : ICollective
    {
        public int Rank => ranks.Rank;

        public int Size => ranks.Size;

        public void AllGather(ReadOnlySpan<double> values, Span<double> gathered)
        {
            ranks.AllGather(values, gathered);
            // A header and no more are not numbers of a layer.
            if (values.Length > 10)
                gathered[^1] *= 1 + 1e-6;
        }

        public void AllReduce(Span<double> values) => ranks.AllReduce(values);
    }
}
