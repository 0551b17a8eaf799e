using MathNet.Numerics.Statistics;

namespace Normalization.Tests;

/// <summary>The judge is judged too: double-double arithmetic and the reference, against what is known.</summary>
public sealed class ReferenceTests
{
    [Fact]
    public void Double_double_keeps_about_thirty_digits()
    {
        DoubleDouble third = (DoubleDouble)1 / 3;
        Math.Abs((double)((third * 3) - 1)).Should().BeLessThan(1e-30);
        DoubleDouble root = DoubleDouble.Sqrt(2);
        Math.Abs((double)((root * root) - 2)).Should().BeLessThan(1e-30);
        ((double)((DoubleDouble)1e16 + 1 + 1e-10 - 1e16 - 1)).Should().BeApproximately(1e-10, 1e-16);
        ((double)-(DoubleDouble)3).Should().Be(-3);
    }

    [Theory]
    [InlineData("Batch [4, 5, 3]")]
    [InlineData("Instance [4, 3, 15]")]
    [InlineData("Group [4, 6, 5] groups 3")]
    [InlineData("Layer [4, 5, 5] over 1")]
    public void The_reference_has_the_moments_of_MathNet(string name)
    {
        var sample = new Sample<double>(Cases.Named(name));
        var reference = Reference.Of(sample);
        double[] values = sample.Input.Span.ToArray();
        for (int g = 0; g < reference.Mean.Length; g++)
        {
            double[] group = [.. values.Where((_, i) => sample.Case.GroupOf(i, hasFixedStatistics: false) == g)];
            reference.Mean[g].Should().BeApproximately(group.Mean(), 1e-14);
            reference.Variance[g].Should().BeApproximately(group.PopulationVariance(), 1e-13);
        }
    }

    [Fact]
    public void The_map_from_elements_to_groups_and_coefficients_is_the_one_of_the_papers()
    {
        // [N, C, S] = [2, 4, 3]; element 17 is the sample 1, channel 1, position 2.
        new Case(Kind.Batch, 2, 4, 3).GroupOf(17, hasFixedStatistics: false).Should().Be(1);
        new Case(Kind.Instance, 2, 4, 3).GroupOf(17, hasFixedStatistics: false).Should().Be(5);
        new Case(Kind.Instance, 2, 4, 3).GroupOf(17, hasFixedStatistics: true).Should().Be(1);
        new Case(Kind.Group, 2, 4, 3) { Groups = 2 }.GroupOf(17, hasFixedStatistics: false).Should().Be(2);
        new Case(Kind.Group, 2, 4, 3) { Groups = 2 }.CoefficientOf(17).Should().Be(1);
        new Case(Kind.Layer, 2, 4, 3).GroupOf(17, hasFixedStatistics: false).Should().Be(5);
        new Case(Kind.Layer, 2, 4, 3) { NormalizedRank = 2 }.GroupOf(17, hasFixedStatistics: false).Should().Be(1);
        new Case(Kind.Layer, 2, 4, 3) { NormalizedRank = 2 }.CoefficientOf(17).Should().Be(5);
    }
}
