namespace Normalization.Tests;

/// <summary>Forward passes that are done again, as gradient checkpointing does, and passes that running statistics do not follow.</summary>
public sealed class RecomputationTests
{
    private const int Channels = 3;

    [Fact]
    public void A_pass_that_running_statistics_do_not_follow_leaves_them_and_their_count()
    {
        BatchNorm1d<float> followed = new(Channels), left = new(Channels);
        var context = new ForwardContext<float> { UpdateRunningStatistics = false };
        Tensor<float> input = Input(1), output = new(input.Shape);
        left.Forward(input, output, context);
        Values.Bits(output).Should().Equal(Values.Bits(followed.Forward(input)));
        left.BatchesTracked.Should().Be(0);
        left.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value == 0);
        left.RunningVariance!.Span.ToArray().Should().OnlyContain(static value => value == 1);
        left.Backward(output, new(output.Shape), context);
        left.Weight!.Gradient.Span.ToArray().Should().NotContain(0);
    }

    [Fact]
    public void A_repeated_pass_counts_once_and_sends_no_message()
    {
        var ranks = new Echo();
        var layer = new BatchNorm1d<float>(Channels);
        layer.Synchronize(ranks);
        ranks.Calls = 0;
        var context = new ForwardContext<float>();
        Tensor<float> input = Input(1), output = new(input.Shape), again = new(input.Shape);
        layer.Forward(input, output, context);
        long[] mean = Values.Bits(layer.RunningMean);
        context.IsRecomputation = true;
        layer.Forward(input.Clone(), again, context);
        ranks.Calls.Should().Be(1);
        Values.Bits(again).Should().Equal(Values.Bits(output));
        layer.BatchesTracked.Should().Be(1);
        Values.Bits(layer.RunningMean).Should().Equal(mean);
        layer.Backward(output, again, context);
        ranks.Calls.Should().Be(2, "the backward pass needs the sums of all ranks");
    }

    [Fact]
    public void Ranks_that_do_not_follow_a_pass_still_share_its_statistics() => Ranks.OnEachOf(2, static ranks =>
    {
        var layer = new BatchNorm1d<float>(Channels);
        layer.Synchronize(ranks);
        Tensor<float> output = new(4, Channels);
        layer.Forward(Input(1 + ranks.Rank), output, new() { UpdateRunningStatistics = false });
        layer.BatchesTracked.Should().Be(0);
        Values.Bits(output).Should().NotEqual(Values.Bits(new BatchNorm1d<float>(Channels).Forward(Input(1 + ranks.Rank))));
    });

    [Fact]
    public void A_released_input_is_not_kept_and_a_repeated_pass_brings_it_back()
    {
        var layer = new BatchNorm1d<float>(Channels);
        var context = new ForwardContext<float>();
        Tensor<float> input = Input(1), output = new(input.Shape), expected = new(input.Shape), gradient = new(input.Shape);
        layer.Forward(input, output, context);
        layer.Backward(output, expected, context);
        context.ReleaseInput();
        context.Input.Should().BeNull();
        layer.Invoking(item => item.Backward(output, gradient, context)).Should().Throw<InvalidOperationException>()
            .WithMessage("*without its input*IsRecomputation*");
        context.IsRecomputation = true;
        Tensor<float> copy = input.Clone();
        layer.Forward(copy, new(input.Shape), context);
        context.Input.Should().BeSameAs(copy);
        layer.Backward(output, gradient, context);
        Values.Bits(gradient).Should().Equal(Values.Bits(expected));
    }

    [Fact]
    public void A_repeated_pass_is_the_remembered_one_whatever_the_mode_is_now()
    {
        var layer = new BatchNorm1d<float>(Channels);
        var context = new ForwardContext<float>();
        Tensor<float> input = Input(1), output = new(input.Shape), again = new(input.Shape);
        layer.Forward(input, output, context);
        layer.Eval();
        context.IsRecomputation = true;
        layer.Forward(input, again, context);
        Values.Bits(again).Should().Equal(Values.Bits(output));
        context.IsRecomputation = false;
        layer.Forward(input, again, context);
        Values.Bits(again).Should().NotEqual(Values.Bits(output), "a new pass uses the running statistics");
    }

    [Fact]
    public void A_pass_that_cannot_be_repeated_is_refused_and_nothing_changes()
    {
        var layer = new BatchNorm1d<float>(Channels);
        ForwardContext<float> context = new(), unused = new() { IsRecomputation = true };
        Tensor<float> input = Input(1), output = new(input.Shape);
        layer.Invoking(item => item.Forward(input, output, unused)).Should().Throw<InvalidOperationException>()
            .WithMessage("No forward pass is remembered*");
        layer.Forward(input, output, context);
        context.IsRecomputation = true;
        long[] before = Values.Bits(output);
        FluentActions.Invoking(() => new BatchNorm1d<float>(Channels).Forward(input, output, context)).Should()
            .Throw<InvalidOperationException>().WithMessage("*another layer*");
        layer.Invoking(item => item.Forward(Input(2), output, context)).Should().Throw<InvalidOperationException>()
            .WithMessage("The input is not that of the pass*");
        layer.Invoking(item => item.Forward(new Tensor<float>(5, Channels), new(5, Channels), context)).Should().Throw<ArgumentException>()
            .WithMessage("expected the input [4, 3]*got [5, 3]*");
        layer.Invoking(item => item.Forward(input, input, context)).Should().Throw<ArgumentException>().WithMessage("*overlaps*");
        Values.Bits(output).Should().Equal(before);
        context.Input.Should().BeSameAs(input);
        layer.BatchesTracked.Should().Be(1);
    }

    [Fact]
    public void The_biased_running_variance_divides_by_the_number_of_elements()
    {
        var layer = new BatchNorm1d<double>(1, momentum: 1) { HasBiasedRunningVariance = true };
        layer.Forward(new Tensor<double>([1, 2, 3, 6], 4, 1));
        layer.RunningVariance!.Span[0].Should().BeApproximately(14.0 / 4, 1e-15);
        $"{layer}".Should().EndWith("trackRunningStatistics: True, hasBiasedRunningVariance: True)");
        var instances = new InstanceNorm1d<double>(1, momentum: 1, trackRunningStatistics: true) { HasBiasedRunningVariance = true };
        instances.Forward(new Tensor<double>([0, 2, 10, 14], 2, 1, 2));
        instances.RunningVariance!.Span[0].Should().Be((1 + 4) / 2.0);
    }

    /// <summary>Keras: moving = moving · 0.99 + batch · 0.01, where the variance of the batch is the mean of the squared differences.</summary>
    [Fact]
    public void Training_goes_on_as_in_Keras()
    {
        double momentum = MomentumConvention.OnOldValue.Convert(0.99);
        var layer = new BatchNorm1d<double>(1, epsilon: 1e-3, momentum) { HasBiasedRunningVariance = StateMapping.Keras.HasBiasedRunningVariance };
        double expected = 1;
        for (int step = 1; step <= 5; step++)
        {
            layer.Forward(new Tensor<double>([0, 2 * step], 2, 1));
            expected = (expected * 0.99) + (step * step * 0.01);
        }
        layer.RunningVariance!.Span[0].Should().BeApproximately(expected, 1e-14);
    }

    private static Tensor<float> Input(int seed) => Tensor<float>.RandomNormal([4, Channels], seed, mean: seed);
}
