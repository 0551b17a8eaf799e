using System.Numerics;

namespace Normalization.Tests;

/// <summary>Parts of a batch, one after another, that are normalized as one batch.</summary>
public sealed class MicroBatchTests
{
    private const int Channels = 3;

    [Fact]
    public void Parts_have_the_bits_of_ranks()
    {
        int[] sizes = [3, 0, 5, 1];
        var rankOutputs = new long[sizes.Length][];
        var rankGradients = new long[sizes.Length][];
        long[] running = [];
        Ranks.OnEachOf(sizes.Length, ranks =>
        {
            var layer = new BatchNorm2d<float>(Channels);
            layer.Synchronize(ranks);
            Part<float> part = new(sizes[ranks.Rank], ranks.Rank);
            layer.Forward(part.Input, part.Output, part.Context);
            layer.Backward(part.OutputGradient, part.InputGradient, part.Context);
            (rankOutputs[ranks.Rank], rankGradients[ranks.Rank]) = (Values.Bits(part.Output), Values.Bits(part.InputGradient));
            if (ranks.Rank == 0)
                running = Running(layer);
        });
        var norm = new BatchNorm2d<float>(Channels);
        Part<float>[] parts = [.. sizes.Select(static (n, i) => new Part<float>(n, i))];
        Run(norm, new(norm), parts);
        parts.Select(static part => Values.Bits(part.Output)).Should().BeEquivalentTo(rankOutputs, static o => o.WithStrictOrdering());
        parts.Select(static part => Values.Bits(part.InputGradient)).Should().BeEquivalentTo(rankGradients, static o => o.WithStrictOrdering());
        Running(norm).Should().Equal(running);
        norm.BatchesTracked.Should().Be(1);
    }

    [Fact]
    public void Several_batches_one_after_another_are_separate()
    {
        BatchNorm2d<double> once = new(Channels), twice = new(Channels);
        Part<double>[] first = [new(2, 1), new(3, 2)], second = [new(4, 3), new(1, 4), new(2, 5)], alone = [new(4, 3), new(1, 4), new(2, 5)];
        var batch = new MicroBatches<double>(twice);
        Run(twice, batch, first);
        twice.ZeroGradients();
        Run(twice, batch, second);
        Run(once, new(once), alone);
        second.SelectMany(static part => Values.Bits(part.InputGradient)).Should()
            .Equal(alone.SelectMany(static part => Values.Bits(part.InputGradient)));
        Values.Bits(twice.Weight!.Gradient).Should().Equal(Values.Bits(once.Weight!.Gradient));
        twice.BatchesTracked.Should().Be(2);
    }

    [Fact]
    public void Ranks_with_parts_exchange_one_message_each_way()
    {
        var ranks = new Echo();
        var layer = new BatchNorm2d<float>(Channels);
        layer.Synchronize(ranks);
        ranks.Calls = 0;
        Part<float>[] parts = [new(2, 1), new(3, 2), new(1, 3)];
        Run(layer, new(layer), parts);
        ranks.Calls.Should().Be(2);
        BatchNorm2d<float> whole = new(Channels);
        Part<float>[] doubled = [new(2, 1), new(3, 2), new(1, 3), new(2, 1), new(3, 2), new(1, 3)];
        Run(whole, new(whole), doubled);
        Values.Distance(Values.Doubles(layer.RunningVariance), Values.Doubles(whole.RunningVariance)).Should().BeLessThan(1e-7);
        Values.Distance(Values.Doubles(parts[2].InputGradient), Values.Doubles(doubled[2].InputGradient)).Should().BeLessThan(1e-6);
    }

    [Fact]
    public void A_part_of_one_value_is_fine_and_a_batch_of_one_value_is_not()
    {
        var layer = new BatchNorm1d<float>(Channels);
        var batch = new MicroBatches<float>(layer);
        ForwardContext<float> first = new() { MicroBatches = batch }, second = new() { MicroBatches = batch };
        Tensor<float> one = Tensor<float>.Full([1, Channels], 1), three = Tensor<float>.Full([1, Channels], 3), output = new(1, Channels);
        batch.Observe(one);
        batch.Observe(three);
        layer.Forward(one, output, first);
        output.Span.ToArray().Should().OnlyContain(static value => Math.Abs(value + 1) < 1e-5);
        layer.Forward(three, output, second);
        layer.RunningMean!.Span[0].Should().BeApproximately(0.2f, 1e-7f);
        batch.Observe(one);
        layer.Invoking(item => item.Forward(one, output, first)).Should().Throw<ArgumentException>().WithMessage("*all parts together have one*");
        layer.BatchesTracked.Should().Be(1);
    }

    [Fact]
    public void A_wrong_order_of_calls_is_refused_and_nothing_changes()
    {
        var layer = new BatchNorm2d<float>(Channels);
        var batch = new MicroBatches<float>(layer);
        Part<float> part = new(2, 1) { Context = { MicroBatches = batch } }, other = new(2, 2) { Context = { MicroBatches = batch } };
        Refused(() => layer.Forward(part.Input, part.Output, part.Context), "Call Observe for every part*");
        batch.Observe(part.Input);
        batch.Observe(other.Input);
        Refused(() => new BatchNorm2d<float>(Channels).Forward(part.Input, part.Output, part.Context), "those of another layer*");
        layer.Forward(part.Input, part.Output, part.Context);
        Refused(() => batch.ObserveGradient(other.OutputGradient, other.Context), "No forward pass is remembered*");
        layer.Forward(other.Input, other.Output, other.Context);
        Refused(() => layer.Forward(part.Input, part.Output, part.Context), "*of which 24 were normalized, got a part of 12*");
        Refused(() => layer.Backward(part.OutputGradient, part.InputGradient, part.Context), "*gradients of 0 of the 24 values*");
        batch.ObserveGradient(part.OutputGradient, part.Context);
        Refused(() => layer.Backward(part.OutputGradient, part.InputGradient, part.Context), "*gradients of 12 of the 24 values*");
        layer.Weight!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        batch.ObserveGradient(other.OutputGradient, other.Context);
        Refused(() => batch.ObserveGradient(other.OutputGradient, other.Context), "*observed already*");
        layer.Backward(part.OutputGradient, part.InputGradient, part.Context);
        batch.Observe(part.Input);
        Refused(() => layer.Backward(other.OutputGradient, other.InputGradient, other.Context), "*not remember a part of this batch*");
        layer.Eval();
        Refused(() => batch.Observe(part.Input), "*uses its running statistics*");
        layer.BatchesTracked.Should().Be(1);
        FluentActions.Invoking(static () => new MicroBatches<float>(new BatchNorm1d<float>(2) { VirtualBatchSize = 4 })).Should()
            .Throw<ArgumentException>();

        static void Refused(Action call, string message) =>
            FluentActions.Invoking(call).Should().Throw<InvalidOperationException>().WithMessage("*" + message);
    }

    [Fact]
    public void Evaluation_and_a_repeated_pass_need_no_other_part()
    {
        var layer = new BatchNorm2d<float>(Channels);
        var batch = new MicroBatches<float>(layer);
        Part<float>[] parts = [new(2, 1), new(3, 2)];
        Run(layer, batch, parts);
        long[] output = Values.Bits(parts[0].Output);
        parts[0].Context.IsRecomputation = true;
        parts[0].Output.Fill(0);
        layer.Forward(parts[0].Input, parts[0].Output, parts[0].Context);
        Values.Bits(parts[0].Output).Should().Equal(output);
        parts[0].Context.IsRecomputation = false;
        layer.Eval();
        layer.Forward(parts[0].Input, parts[0].Output, parts[0].Context);
        Values.Bits(parts[0].Output).Should().Equal(Values.Bits(layer.Forward(parts[0].Input)));
    }

    [Fact]
    public void A_steady_state_allocates_nothing()
    {
        var layer = new BatchNorm2d<float>(Channels);
        var batch = new MicroBatches<float>(layer);
        Part<float>[] parts = [new(2, 1), new(3, 2), new(4, 3)];
        long least = long.MaxValue;
        for (int round = 0; round < 40; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run(layer, batch, parts);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        least.Should().Be(0);
    }

    internal static void Run<T>(BatchNorm<T> layer, MicroBatches<T> batch, Part<T>[] parts) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (Part<T> part in parts)
            batch.Observe(part.Input);
        foreach (Part<T> part in parts)
        {
            part.Context.MicroBatches = batch;
            layer.Forward(part.Input, part.Output, part.Context);
        }
        foreach (Part<T> part in parts)
            batch.ObserveGradient(part.OutputGradient, part.Context);
        foreach (Part<T> part in parts)
            layer.Backward(part.OutputGradient, part.InputGradient, part.Context);
    }

    private static long[] Running(RunningStatisticsLayer<float> layer) =>
        [.. Values.Bits(layer.RunningMean), .. Values.Bits(layer.RunningVariance)];

    /// <summary>A part of a batch, with all that its passes need.</summary>
    internal sealed record Part<T>(Tensor<T> Input, Tensor<T> OutputGradient) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public Part(int n, int seed)
            : this(
                Tensor<T>.RandomNormal([n, Channels, 2, 3], seed, mean: 3 + seed),
                Tensor<T>.RandomNormal([n, Channels, 2, 3], seed + 100, mean: 0.3))
        {
        }

        public Tensor<T> Output { get; } = new(Input.Shape);

        public Tensor<T> InputGradient { get; } = new(Input.Shape);

        public ForwardContext<T> Context { get; } = new();
    }
}
