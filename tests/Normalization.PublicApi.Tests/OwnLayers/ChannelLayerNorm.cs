// begin-sample own-layer
using System.Numerics;
using Normalization;

// end-sample
namespace OwnLayers;

// begin-sample own-layer
/// <summary>LayerNorm over the channels of [N, C, H, W], as ConvNeXt has it: statistics of each position.</summary>
internal sealed class ChannelLayerNorm<T>(int numChannels, double epsilon = 1e-6)
    : NormalizationLayer<T>(epsilon, [numChannels], hasWeight: true, hasBias: true)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => shape.Length == 4 && shape[1] == numChannels
        ? NormalizationPlan.Positions(shape[0], numChannels, shape[2] * shape[3])
        : throw new ArgumentException($"expected input [N, {numChannels}, H, W]");
}
// end-sample
