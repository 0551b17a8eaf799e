using System.Numerics;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>The statistics that a forward pass in training has taken from its input, for a layer that keeps track of them.</summary>
/// <remarks>
/// The groups are those of the layer's plan: channels; groups of channels, sample by sample; rows; or positions, sample by sample. In a
/// synchronized layer they are those of all ranks together.
/// </remarks>
public readonly ref struct InputStatistics
{
    private readonly ReadOnlySpan<GroupStatistics> _statistics;

    // How many elements of equal weight each group, or each group of each sample, is as good as.
    private readonly double _effectiveElements;
    private readonly ReadOnlySpan<double> _ofSamples;

    internal InputStatistics(ReadOnlySpan<GroupStatistics> statistics, double elementsPerGroup)
        : this(statistics, elementsPerGroup, elementsPerGroup)
    {
    }

    internal InputStatistics(ReadOnlySpan<GroupStatistics> statistics, double elementsPerGroup, double effectiveElements)
    {
        _statistics = statistics;
        ElementsPerGroup = elementsPerGroup;
        _effectiveElements = effectiveElements;
    }

    internal InputStatistics(ReadOnlySpan<GroupStatistics> statistics, double elementsPerGroup, ReadOnlySpan<double> ofSamples)
        : this(statistics, elementsPerGroup, elementsPerGroup) => _ofSamples = ofSamples;

    /// <summary>Gets the number of groups that have elements; 0 for an empty batch.</summary>
    public int GroupCount => _statistics.Length;

    /// <summary>
    /// Gets the number of elements in each group; where positions have weights, the sum of the weights, and where samples have more or
    /// fewer valid positions, that of the heaviest group.
    /// </summary>
    public double ElementsPerGroup { get; }

    internal ReadOnlySpan<GroupStatistics> Groups => _statistics;

    /// <summary>Gets the mean of one group; 0 where no mean is subtracted.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The mean.</returns>
    /// <exception cref="IndexOutOfRangeException">There is no such group.</exception>
    public double GetMean(int group) => _statistics[group].Mean;

    /// <summary>Gets the biased variance of one group; the mean square where no mean is subtracted.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The variance.</returns>
    /// <exception cref="IndexOutOfRangeException">There is no such group.</exception>
    public double GetVariance(int group) => _statistics[group].Variance;

    /// <summary>
    /// Moves running statistics: running = (1 - momentum) · running + momentum · batch, with the unbiased variance unless
    /// <paramref name="isBiased"/>. Where several groups belong to one channel, as in InstanceNorm, their mean counts. An empty batch and a
    /// momentum of 0 change nothing.
    /// </summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="momentum">The share of this batch, in [0, 1].</param>
    /// <param name="mean">The running mean of each channel; its length divides <see cref="GroupCount"/>.</param>
    /// <param name="variance">The running variance of each channel.</param>
    /// <param name="unrounded">
    /// The running means and then the running variances, before they were rounded to <typeparamref name="T"/>. The next batch starts from
    /// these values as long as they round to the stored ones. Without them float loses small steps. Empty for none.
    /// </param>
    /// <param name="isBiased">Whether the variance is the biased one, as <see cref="GetVariance"/> gives it.</param>
    /// <exception cref="ArgumentException">A span does not have the length that it must have.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The momentum lies outside [0, 1].</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public void UpdateRunning<T>(
        double momentum, Span<T> mean, Span<T> variance, Span<double> unrounded = default, bool isBiased = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Guard.ElementType<T>();
        Guard.Momentum(momentum);
        Guard.SameLength<T>(variance, mean, nameof(variance), nameof(mean));
        Guard.LengthOrEmpty<double>(unrounded, 2L * mean.Length, nameof(unrounded), "two for each channel");
        if (GroupCount == 0)
            return;
        if (mean.IsEmpty || GroupCount % mean.Length != 0)
            throw new ArgumentException($"mean must have a length that divides the {GroupCount} groups, got {mean.Length}.", nameof(mean));
        RunningStatistics.Update(_statistics, _effectiveElements, momentum, mean, variance, unrounded, isBiased, _ofSamples);
    }
}
