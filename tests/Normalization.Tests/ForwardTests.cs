using System.Numerics;
using MathNet.Numerics.Statistics;

namespace Normalization.Tests;

public sealed class ForwardTests
{
    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> Evaluation => Cases.Evaluation();

    public static TheoryData<string> NotEmpty => Cases.NotEmpty();

    [Theory]
    [MemberData(nameof(All))]
    public void Doubles_are_within_1e_13_of_the_formula_in_training(string name) =>
        DoubleDistance(name, isTraining: true).Should().BeLessThan(1e-13);

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Doubles_are_within_1e_13_of_the_formula_in_evaluation(string name) =>
        DoubleDistance(name, isTraining: false).Should().BeLessThan(1e-13);

    [Theory]
    [MemberData(nameof(All))]
    public void Floats_are_within_3_scaled_ulp_of_the_formula_in_training(string name) =>
        FloatDistance(name, isTraining: true).Should().BeLessThanOrEqualTo(3);

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Floats_are_within_3_scaled_ulp_of_the_formula_in_evaluation(string name) =>
        FloatDistance(name, isTraining: false).Should().BeLessThanOrEqualTo(3);

    [Theory]
    [MemberData(nameof(NotEmpty))]
    public void The_context_has_the_statistics_of_every_group(string name)
    {
        Sample<double> sample = new Sample<double>(Cases.Named(name)).Run();
        Reference reference = Reference.Of(sample);
        sample.Context.GroupCount.Should().Be(reference.Mean.Length);
        int[] groups = [.. Enumerable.Range(0, reference.Mean.Length)];
        Values.Distance(Array.ConvertAll(groups, sample.Context.GetMean), reference.Mean, static _ => 1).Should().BeLessThan(1e-13);
        double[] reciprocals = Array.ConvertAll(groups, sample.Context.GetInverseStandardDeviation);
        Values.Distance(reciprocals, reference.InverseStandardDeviation, g => reference.InverseStandardDeviation[g]).Should().BeLessThan(1e-13);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void All_three_overloads_give_the_same_bits(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        long[] expected = Values.Bits(sample.Output);
        sample.Output.Fill(float.NaN);
        sample.Layer.Forward(sample.Input, sample.Output);
        Values.Bits(sample.Output).AsSpan().SequenceEqual(expected).Should().BeTrue();
        Tensor<float> output = sample.Layer.Forward(sample.Input);
        Values.Bits(output).AsSpan().SequenceEqual(expected).Should().BeTrue();
        output.Shape.SequenceEqual(sample.Input.Shape).Should().BeTrue();
    }

    [Fact]
    public void The_variance_that_normalizes_is_the_biased_one()
    {
        double[] values = [1, 2, 4, 8, 16, 32, 64];
        double deviation = Math.Sqrt(values.PopulationVariance() + 1e-5), mean = values.Mean();
        double[] expected = Array.ConvertAll(values, value => (value - mean) / deviation);
        Tensor<double> output = new LayerNorm<double>(7).Forward(new Tensor<double>(values, 1, 7));
        Values.Distance(output.Span, expected).Should().BeLessThan(1e-15);
    }

    [Fact]
    public void Epsilon_is_added_under_the_root()
    {
        double[] values = [-1, 1];
        Tensor<double> output = new LayerNorm<double>(2, epsilon: 3).Forward(new Tensor<double>(values, 1, 2));
        output.Span.ToArray().Should().Equal(-0.5, 0.5);
    }

    [Fact]
    public void RmsNorm_subtracts_no_mean_and_adds_the_machine_epsilon()
    {
        new RmsNorm<float>(3).Epsilon.Should().Be(Math.Pow(2, -23));
        new RmsNorm<double>(3).Epsilon.Should().Be(Math.Pow(2, -52));
        double[] values = [3, 4];
        Tensor<double> output = new RmsNorm<double>(2, epsilon: 0.5).Forward(new Tensor<double>(values, 1, 2));
        Values.Distance(output.Span, [3 / Math.Sqrt(13), 4 / Math.Sqrt(13)]).Should().BeLessThan(1e-15);
    }

    [Fact]
    public void A_group_of_one_element_gives_beta()
    {
        var layer = new GroupNorm<float>(5, 5);
        layer.Bias!.Value.Fill(0.25f);
        layer.Forward(new Tensor<float>([1, -2, 3, 1e20f, 5], 1, 5)).Span.ToArray().Should().AllBeEquivalentTo(0.25f);
    }

    [Fact]
    public void The_defaults_are_those_of_PyTorch()
    {
        var batch = new BatchNorm2d<float>(3);
        (batch.Epsilon, batch.Momentum, batch.BatchesTracked).Should().Be((1e-5, 0.1, 0L));
        batch.Parameters.Select(static parameter => parameter.Name).Should().Equal("weight", "bias");
        batch.RunningMean!.Span.ToArray().Should().Equal(0, 0, 0);
        batch.RunningVariance!.Span.ToArray().Should().Equal(1, 1, 1);
        var instance = new InstanceNorm2d<float>(3);
        (instance.Weight, instance.Bias, instance.RunningMean, instance.RunningVariance).Should().Be((null, null, null, null));
        new GroupNorm<float>(1, 3).Weight!.Value.Span.ToArray().Should().Equal(1, 1, 1);
        new LayerNorm<float>([2, 3]).Bias!.Value.Shape.ToArray().Should().Equal(2, 3);
        new LayerNorm<float>(3, bias: false).Parameters.Should().ContainSingle().Which.Name.Should().Be("weight");
        new LayerNorm<float>(3, elementwiseAffine: false).Parameters.Should().BeEmpty();
        new RmsNorm<float>(3).Bias.Should().BeNull();
        batch.IsTraining.Should().BeTrue();
    }

    private static double DoubleDistance(string name, bool isTraining)
    {
        (double[] actual, Reference reference) = Compute<double>(name, isTraining);
        return Values.Distance(actual, reference.Output);
    }

    private static double FloatDistance(string name, bool isTraining)
    {
        (double[] actual, Reference reference) = Compute<float>(name, isTraining);
        return Values.Distance(actual, reference.Output, reference.FloatUnit);
    }

    private static (double[] Actual, Reference Expected) Compute<T>(string name, bool isTraining)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        if (!isTraining)
            sample.Layer.Eval();
        var reference = Reference.Of(sample);
        sample.Layer.Forward(sample.Input, sample.Output);
        return (Values.Doubles(sample.Output), reference);
    }
}
