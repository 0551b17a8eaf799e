namespace Normalization.Tests;

/// <summary>Parameters, contexts and modes.</summary>
public sealed class LayerStateTests
{
    [Fact]
    public void A_parameter_has_a_name_a_value_and_a_gradient_of_one_shape()
    {
        var layer = new LayerNorm<float>([2, 3]);
        foreach (Parameter<float> parameter in layer.Parameters)
        {
            parameter.Value.Shape.ToArray().Should().Equal(2, 3);
            parameter.Gradient.Shape.ToArray().Should().Equal(2, 3);
            parameter.Gradient.Fill(3);
            parameter.ZeroGradient();
            parameter.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 0);
        }
        layer.Parameters.Should().Equal(layer.Weight!, layer.Bias!);
        (layer.Weight!.Name, layer.Bias!.Name).Should().Be(("weight", "bias"));
        layer.NormalizedShape.ToArray().Should().Equal(2, 3);
    }

    [Fact]
    public void The_modes_are_switched_by_Train_and_Eval()
    {
        var layer = new RmsNorm<float>([2, 3]);
        layer.IsTraining.Should().BeTrue();
        layer.Eval();
        layer.IsTraining.Should().BeFalse();
        layer.Train();
        layer.IsTraining.Should().BeTrue();
        layer.NormalizedShape.ToArray().Should().Equal(2, 3);
        var group = new GroupNorm<float>(2, 6);
        (group.NumGroups, group.NumChannels).Should().Be((2, 6));
        new BatchNorm3d<float>(7).NumFeatures.Should().Be(7);
    }

    [Fact]
    public void A_new_context_remembers_nothing()
    {
        var context = new ForwardContext<float>();
        context.Input.Should().BeNull();
        context.GroupCount.Should().Be(0);
        context.Invoking(static item => item.GetMean(0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*0 groups*index 0*");
    }

    [Fact]
    public void A_context_remembers_the_input_by_reference_and_can_be_used_again_for_another_size()
    {
        var layer = new LayerNorm<double>(4);
        var context = new ForwardContext<double>();
        foreach (int rows in (int[])[50, 3, 100])
        {
            Tensor<double> input = Tensor<double>.RandomNormal([rows, 4], rows), gradient = new(rows, 4);
            layer.Forward(input, new Tensor<double>(rows, 4), context);
            context.Input.Should().BeSameAs(input);
            context.GroupCount.Should().Be(rows);
            context.GetMean(rows - 1).Should().BeApproximately(input.Span[^4..].ToArray().Average(), 1e-15);
            FluentActions.Invoking(() => context.GetMean(rows)).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => context.GetInverseStandardDeviation(-1)).Should().Throw<ArgumentOutOfRangeException>();
            layer.Backward(gradient, new Tensor<double>(rows, 4), context);
        }
        context.Clear();
        context.Input.Should().BeNull();
        context.GroupCount.Should().Be(0);
    }

    [Fact]
    public void The_statistics_in_a_context_are_the_mean_and_the_reciprocal_deviation()
    {
        var context = new ForwardContext<float>();
        new LayerNorm<float>(2, epsilon: 0).Forward(new Tensor<float>([1, 5, 10, 10.5f], 2, 2), new Tensor<float>(2, 2), context);
        (context.GetMean(0), context.GetInverseStandardDeviation(0)).Should().Be((3, 0.5));
        (context.GetMean(1), context.GetInverseStandardDeviation(1)).Should().Be((10.25, 4));
        new RmsNorm<float>(2, epsilon: 0).Forward(new Tensor<float>([2, 2], 1, 2), new Tensor<float>(1, 2), context);
        (context.GetMean(0), context.GetInverseStandardDeviation(0)).Should().Be((0, 0.5));
        var batch = new BatchNorm1d<float>(1, epsilon: 0);
        batch.RunningMean!.Fill(7);
        batch.RunningVariance!.Fill(4);
        batch.Eval();
        batch.Forward(new Tensor<float>(3, 1), new Tensor<float>(3, 1), context);
        (context.GetMean(0), context.GetInverseStandardDeviation(0)).Should().Be((7, 0.5));
    }

    [Fact]
    public void A_forward_pass_with_a_context_leaves_what_the_layer_remembers()
    {
        var sample = new Sample<float>(Cases.Named("Batch [4, 5, 3] tracking"));
        sample.Layer.Forward(sample.Input, sample.Output);
        Tensor<float> expected = sample.Layer.Backward(sample.OutputGradient);
        sample.Layer.Forward(Sample<float>.Normal(sample.Case.Shape, 77, 5, 5), sample.Output, sample.Context);
        sample.Layer.Backward(sample.OutputGradient).Span.SequenceEqual(expected.Span).Should().BeTrue();
    }
}
