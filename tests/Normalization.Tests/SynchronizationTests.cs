using System.Numerics;
using Normalization.Verify.Distributed;

namespace Normalization.Tests;

/// <summary>BatchNorm over several ranks, with threads as ranks.</summary>
public sealed partial class SynchronizationTests
{
    private const int Channels = 3;

    public static TheoryData<int> Sizes => [1, 2, 3, 4, 5, 6, 7, 8];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Any_split_of_a_batch_gives_what_one_process_gives(int size) =>
        InMemoryCollective.Run(size, static ranks =>
        {
            SynchronizeReport report = new SynchronizeCheck(ranks).Run(cases: 16, seed: ranks.Size);
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
    public void Sums_are_taken_in_the_order_of_the_ranks() =>
        OnEachOf(4, static ranks =>
        {
            double[] terms = [1e16, 1, -1e16, 1], values = [terms[ranks.Rank]];
            ranks.AllReduce(values);
            values.Should().Equal(((1e16 + 1) - 1e16) + 1);
        });

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

    private static void OnEachOf(int size, Action<ICollective> body) => InMemoryCollective.Run(size, body);

    private static BatchNorm1d<float> Synchronized(ICollective ranks)
    {
        var layer = new BatchNorm1d<float>(Channels);
        layer.Synchronize(ranks);
        return layer;
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
