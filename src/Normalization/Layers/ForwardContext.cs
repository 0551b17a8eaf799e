using System.Numerics;
using Normalization.Kernels;

namespace Normalization;

/// <summary>
/// What one forward pass keeps for its backward pass: the input, by reference, and the statistics of each group. Pass one for
/// each use of a layer when it is used several times in one pass (shared weights, time steps), or to go backward through a
/// layer in evaluation mode.
/// </summary>
/// <remarks>A context can be used again; its memory is kept. It belongs to one thread at a time.</remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class ForwardContext<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private GroupStatistics[] _statistics = [];
    private int[] _shape = [];

    /// <summary>
    /// Gets the input of the remembered forward pass; null before the first one, and after one on tensor spans, whose input goes
    /// to <c>Backward</c> again.
    /// </summary>
    public Tensor<T>? Input { get; private set; }

    /// <summary>Gets the number of groups that have statistics of their own.</summary>
    public int GroupCount { get; private set; }

    internal NormalizationLayer<T>? Owner { get; private set; }

    /// <summary>The input's shape.</summary>
    internal ReadOnlySpan<int> Shape => _shape;

    internal Plan Plan { get; private set; }

    internal bool HasFixedStatistics { get; private set; }

    /// <summary>Gets the ranks that the statistics are shared with, if there are any.</summary>
    internal Synchronization? Peers { get; private set; }

    /// <summary>Gets how many elements share statistics, on all ranks together.</summary>
    internal double ElementsPerGroup { get; private set; }

    internal Span<GroupStatistics> Statistics => _statistics.AsSpan(0, GroupCount);

    /// <summary>Gets the mean of one group: of a channel, of a group of a sample, or of a row. RmsNorm has 0.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The mean.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public double GetMean(int group) => StatisticsOf(group).Mean;

    /// <summary>Gets 1 / √(σ² + ε) of one group.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The reciprocal deviation.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public double GetReciprocalDeviation(int group) => StatisticsOf(group).ReciprocalDeviation;

    /// <summary>Forgets the forward pass and lets go of its input.</summary>
    public void Clear()
    {
        Input = null;
        Owner = null;
        Peers = null;
        GroupCount = 0;
    }

    /// <summary>Room for the statistics of a pass; it is remembered only once the pass is done.</summary>
    internal Span<GroupStatistics> StatisticsFor(int groups)
    {
        if (_statistics.Length < groups)
            _statistics = GC.AllocateUninitializedArray<GroupStatistics>(groups);
        return _statistics.AsSpan(0, groups);
    }

    internal void Remember(
        NormalizationLayer<T> owner, in Plan plan, ReadOnlySpan<int> shape, Tensor<T>? input, int groups, bool hasFixedStatistics)
    {
        if (_shape.Length != shape.Length)
            _shape = new int[shape.Length];
        shape.CopyTo(_shape);
        (Owner, Plan, Input, HasFixedStatistics, GroupCount) = (owner, plan, input, hasFixedStatistics, groups);
        (Peers, ElementsPerGroup) = (null, plan.ElementsPerGroup);
    }

    internal void RememberShared(
        NormalizationLayer<T> owner, in Plan plan, ReadOnlySpan<int> shape, Tensor<T>? input, int groups, Synchronization peers, double elementsPerGroup)
    {
        Remember(owner, plan, shape, input, groups, hasFixedStatistics: false);
        (Peers, ElementsPerGroup) = (peers, elementsPerGroup);
    }

    private ref readonly GroupStatistics StatisticsOf(int group)
    {
        if ((uint)group >= (uint)GroupCount)
            throw new ArgumentOutOfRangeException(nameof(group), group, $"The context has {GroupCount} groups, got the index {group}.");
        return ref _statistics[group];
    }
}
