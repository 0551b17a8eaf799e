using System.Numerics;
using Normalization;

namespace Examples;

// begin-sample position-norm
/// <summary>LayerNorm over the channels of each position of [N, C, L].</summary>
internal sealed class PositionNorm<T>(int channels)
    : NormalizationLayer<T>(epsilon: 1e-5, [channels], hasWeight: true, hasBias: true)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => shape.Length == 3 && shape[1] == channels
        ? NormalizationPlan.Positions(shape[0], channels, shape[2])
        : throw new ArgumentException($"expected input [N, {channels}, L]");
}
// end-sample

/// <summary>The examples of layers that are not of this library.</summary>
internal static class OwnLayerExample
{
    public static void PositionNorm()
    {
        Tensor<float> y = new PositionNorm<float>(2).Forward(new([1, 10, 3, 30], 1, 2, 2));
        y[0, 1, 0].Should().BeApproximately(1, 1e-4f);
    }

    public static void OfPlan()
    {
        // begin-sample of-plan
        NormalizationPlan plan = NormalizationPlan.Groups(n: 2, c: 6, s: 16, groups: 3);
        Console.WriteLine($"{plan.GroupCount} groups of {plan.ElementsPerGroup} elements, {plan.ParameterCount} values of γ");
        // end-sample
        (plan.GroupCount, plan.ElementsPerGroup, plan.ParameterCount).Should().Be((6, 32, 6));
    }
}
