using System.Numerics;

namespace Normalization;

/// <summary>
/// Group normalization of [N, C, ...]: y = (x - μ) / √(σ² + ε) · γ + β with the statistics of each group of neighboring channels
/// of each sample, and one γ and β for each channel. σ² is the biased variance.
/// </summary>
/// <remarks>
/// Training and evaluation compute the same; there are no running statistics. A group of a single element gives β. An empty
/// input gives an empty output. Wu, He: Group Normalization, 2018, arXiv:1803.08494.
/// </remarks>
/// <example>
/// <code>
/// var norm = new GroupNorm&lt;float>(numGroups: 4, numChannels: 32);
/// var images = Tensor&lt;float>.RandomNormal([2, 32, 8, 8], seed: 1, mean: 5);
/// Tensor&lt;float> y = norm.Forward(images);  // 8 neighboring channels of one image share mean and variance
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numGroups">The number of groups; divides the number of channels.</param>
/// <param name="numChannels">The number of channels C; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0.</param>
/// <param name="affine">Whether there are γ and β.</param>
/// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
/// <exception cref="ArgumentException"><paramref name="numChannels"/> is not divisible by <paramref name="numGroups"/>.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class GroupNorm<T>(int numGroups, int numChannels, double epsilon = 1e-5, bool affine = true)
    : NormalizationLayer<T>(epsilon, [Checked(numGroups, numChannels)], affine, affine)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ChannelAxis _channelAxis;

    /// <summary>Gets the number of groups.</summary>
    public int NumGroups { get; } = numGroups;

    /// <summary>Gets the number of channels, C of [N, C, ...].</summary>
    public int NumChannels { get; } = numChannels;

    /// <summary>Gets where the channels stand in the shape of the input; initially <see cref="ChannelAxis.First"/>.</summary>
    /// <remarks>
    /// With <see cref="ChannelAxis.Last"/> the input is [N, ..., C], wherever this documentation says [N, C, ...]. Parameters, state and
    /// the shapes of a scale and a shift do not change.
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new GroupNorm&lt;float>(8, 64) { ChannelAxis = ChannelAxis.Last };  // images as [N, H, W, 64]
    /// </code>
    /// </example>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public ChannelAxis ChannelAxis
    {
        get => _channelAxis;
        init => _channelAxis = Guard.Axis(value, nameof(ChannelAxis));
    }

    /// <inheritdoc/>
    protected override string Configuration =>
        $"{NumGroups}, {NumChannels}, epsilon: {Epsilon}, affine: {Weight is not null}"
        + (ChannelAxis == ChannelAxis.First ? "" : $", channelAxis: {ChannelAxis}");

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        new InputShape(shape, NumChannels, ChannelAxis).Groups(NumGroups);

    private static int Checked(int numGroups, int numChannels)
    {
        Guard.Positive(numGroups);
        Guard.Positive(numChannels);
        if (numChannels % numGroups != 0)
        {
            throw new ArgumentException(
                $"numChannels must be divisible by numGroups, got {numChannels} channels and {numGroups} groups.", nameof(numGroups));
        }
        return numChannels;
    }
}
