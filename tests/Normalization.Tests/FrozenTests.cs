using System.Numerics;

namespace Normalization.Tests;

/// <summary>Fine-tuning: statistics and parameters that training leaves alone, each by itself.</summary>
public sealed class FrozenTests
{
    private const float Sentinel = 3;

    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> Tracking => Cases.Tracking();

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Frozen_statistics_give_the_bits_of_evaluation_and_stay(string name)
    {
        Statistics<float>(name);
        Statistics<double>(name);
    }

    [Fact]
    public void Frozen_statistics_give_the_closed_form_by_hand()
    {
        var layer = new BatchNorm1d<double>(1, epsilon: 1) { UseRunningStatistics = true };
        layer.RunningMean!.Fill(1);
        layer.RunningVariance!.Fill(3);
        layer.Weight!.Value.Fill(4);
        layer.Bias!.Value.Fill(-1);
        layer.Forward(new Tensor<double>([1, 3, 9], 3, 1)).Span.ToArray().Should().Equal(-1, 3, 15);
        layer.Backward(new Tensor<double>([1, 10, 100], 3, 1)).Span.ToArray().Should().Equal(2, 20, 200);
        layer.Weight.Gradient.Span[0].Should().Be((10 * 1) + (100 * 4));
        layer.Bias.Gradient.Span[0].Should().Be(111);
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Training_goes_on_after_freezing_where_it_stopped(string name)
    {
        var straight = new Sample<double>(Cases.Named(name));
        var interrupted = new Sample<double>(Cases.Named(name));
        for (int step = 0; step < 2; step++)
        {
            straight.Layer.Forward(straight.Input, straight.Output);
            interrupted.Layer.Forward(interrupted.Input, interrupted.Output);
            interrupted.Running!.UseRunningStatistics = true;
            interrupted.Layer.Forward(interrupted.Input, interrupted.Output);
            interrupted.Running.UseRunningStatistics = false;
        }
        Values.Bits(interrupted.Running!.RunningMean).Should().Equal(Values.Bits(straight.Running!.RunningMean));
        Values.Bits(interrupted.Running.RunningVariance).Should().Equal(Values.Bits(straight.Running.RunningVariance));
        interrupted.Running.BatchesTracked.Should().Be(2);
    }

    [Fact]
    public void A_backward_pass_keeps_the_statistics_of_its_forward_pass()
    {
        var sample = new Sample<float>(Cases.Named("Batch [4, 5, 3] tracking"));
        sample.Running!.UseRunningStatistics = true;
        sample.Layer.Forward(sample.Input, sample.Output);
        Tensor<float> expected = sample.Layer.Backward(sample.OutputGradient);
        sample.Running.UseRunningStatistics = false;
        sample.Running.RunningVariance!.Fill(100);
        sample.Layer.Backward(sample.OutputGradient).Span.SequenceEqual(expected.Span).Should().BeTrue();
    }

    [Fact]
    public void Without_running_statistics_there_are_none_to_use()
    {
        var layer = new BatchNorm2d<float>(3, trackRunningStatistics: false) { UseRunningStatistics = false };
        FluentActions.Invoking(() => layer.UseRunningStatistics = true).Should().Throw<InvalidOperationException>()
            .WithMessage("*does not track running statistics*trackRunningStatistics: true*");
        layer.UseRunningStatistics.Should().BeFalse();
    }

    [Fact]
    public void Frozen_statistics_accept_one_value_per_channel_and_batches_that_are_empty()
    {
        var layer = new BatchNorm1d<float>(2);
        layer.Invoking(static item => item.Forward(new Tensor<float>(1, 2))).Should().Throw<ArgumentException>().WithMessage("*UseRunningStatistics*");
        layer.UseRunningStatistics = true;
        layer.Forward(new Tensor<float>([2, 3], 1, 2)).Span.ToArray().Should().AllSatisfy(static value => value.Should().BeGreaterThan(1.9f));
        layer.Backward(Tensor<float>.Full([1, 2], 1)).Span.ToArray().Should().AllSatisfy(static value => value.Should().BeApproximately(1, 1e-5f));
        layer.Forward(new Tensor<float>(0, 2)).Length.Should().Be(0);
        layer.BatchesTracked.Should().Be(0);
        var instance = new InstanceNorm1d<float>(2, trackRunningStatistics: true) { UseRunningStatistics = true };
        instance.Forward(new Tensor<float>(3, 2, 1)).Shape.ToArray().Should().Equal(3, 2, 1);
    }

    [Fact]
    public void Frozen_statistics_do_not_make_training_forget_that_it_needs_its_input()
    {
        var layer = new BatchNorm1d<float>(2) { UseRunningStatistics = true };
        var input = new Tensor<float>(4, 2);
        layer.Invoking(item => item.Forward(input, input)).Should().Throw<ArgumentException>().WithMessage("*backward pass needs*");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_frozen_parameter_keeps_its_gradient_and_changes_no_other(string name)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            Parameters<float>(name, isTraining);
            Parameters<double>(name, isTraining);
        }
    }

    [Fact]
    public void A_parameter_is_frozen_while_its_flag_is_off()
    {
        var sample = new Sample<double>(Cases.Named("Layer [4, 5, 5] over 1"));
        Parameter<double> weight = sample.Layer.Weight!;
        weight.RequiresGradient.Should().BeTrue();
        sample.Layer.Forward(sample.Input, sample.Output);
        weight.RequiresGradient = false;
        sample.Layer.Backward(sample.OutputGradient);
        weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        sample.Layer.Parameters.Should().Contain(weight);
        weight.RequiresGradient = true;
        sample.Layer.Backward(sample.OutputGradient);
        weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value != 0);
        weight.RequiresGradient = false;
        sample.Layer.ZeroGradients();
        weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Theory]
    [InlineData("Batch [4, 10] tracking", "weight")]
    [InlineData("Batch [4, 10] tracking", "bias")]
    [InlineData("Layer [4, 2, 2, 5] over 3", "weight")]
    [InlineData("Layer [4, 2, 2, 5] over 3", "bias")]
    public void The_gradient_of_a_frozen_parameter_is_refused_as_an_input_gradient(string name, string parameterName)
    {
        Case item = Cases.Named(name);
        var sample = new Sample<float>(item with { Shape = [1, .. item.Shape[1..]] });
        sample.Layer.Eval();
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        Parameter<float> frozen = sample.Layer.Parameters.Single(parameter => parameter.Name == parameterName);
        frozen.RequiresGradient = false;
        FluentActions.Invoking(() => sample.Layer.Backward(sample.OutputGradient, frozen.Gradient.Reshape(sample.Case.Shape), sample.Context))
            .Should().Throw<ArgumentException>().WithMessage("*must not overlap*");
        frozen.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    private static void Statistics<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] expected = new Sample<T>(Cases.Named(name)).Run(isTraining: false).Bits();
        var frozen = new Sample<T>(Cases.Named(name));
        frozen.Running!.UseRunningStatistics = true;
        frozen.Run(isTraining: true).Bits().Should().Equal(expected);

        // Training remembers the pass in the layer too.
        frozen.Layer.ZeroGradients();
        frozen.Layer.Forward(frozen.Input, frozen.Output);
        frozen.Layer.Backward(frozen.OutputGradient, frozen.InputGradient);
        frozen.Bits().Should().Equal(expected);
        frozen.Running.BatchesTracked.Should().Be(0);
        frozen.Running.UseRunningStatistics = false;
        frozen.Run(isTraining: true).Bits().Should().NotEqual(expected, "the batch has other statistics");
    }

    private static void Parameters<T>(string name, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T sentinel = T.CreateChecked(Sentinel);
        Sample<T> free = Prepared();
        free.Run(isTraining);
        int count = free.Layer.Parameters.Count;
        for (int frozen = 1; frozen < 1 << count; frozen++)
        {
            Sample<T> sample = Prepared();
            for (int i = 0; i < count; i++)
                sample.Layer.Parameters[i].RequiresGradient = (frozen >> i & 1) == 0;
            sample.Run(isTraining);
            sample.Output.Span.SequenceEqual(free.Output.Span).Should().BeTrue();
            sample.InputGradient.Span.SequenceEqual(free.InputGradient.Span).Should().BeTrue("of the input with {0} frozen", frozen);
            foreach ((Parameter<T> parameter, Parameter<T> other) in sample.Layer.Parameters.Zip(free.Layer.Parameters))
            {
                if (parameter.RequiresGradient)
                    parameter.Gradient.Span.SequenceEqual(other.Gradient.Span).Should().BeTrue("of {0} with {1} frozen", parameter.Name, frozen);
                else
                    parameter.Gradient.Span.IndexOfAnyExcept(sentinel).Should().Be(-1, "{0} is frozen", parameter.Name);
            }
        }

        Sample<T> Prepared()
        {
            var sample = new Sample<T>(Cases.Named(name));
            foreach (Parameter<T> parameter in sample.Layer.Parameters)
                parameter.Gradient.Fill(sentinel);
            return sample;
        }
    }
}
