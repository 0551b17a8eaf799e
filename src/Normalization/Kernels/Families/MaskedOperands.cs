using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// What a pass over the valid positions of [n, c, s] reads and writes. A sample has its first positions, or a mask, or a mask and weights.
/// Null pointers mean: not there.
/// </summary>
internal unsafe struct MaskedOperands<T> where T : unmanaged
{
    public Plan Plan;
    public T* Input;
    public T* OutputGradient;

    /// <summary>The output, or the gradient of the input.</summary>
    public T* Output;
    public T* Weight;
    public T* Bias;
    public GroupStatistics* Statistics;
    public double Epsilon;
    public bool HasFixedStatistics;

    /// <summary>
    /// [n, s]: 255 where a position counts, and 0 elsewhere. Null where every sample has its first positions, and slices are long.
    /// </summary>
    public byte* Mask;

    /// <summary>[n, s]; where there are none, all valid positions weigh 1.</summary>
    public T* Weights;

    /// <summary>What the positions of each sample weigh.</summary>
    public SampleWeight* Samples;

    /// <summary>From so many on, the first positions of a sample are gone over without a mask.</summary>
    public nint ShortestPrefix;

    /// <summary>Whether 0 is written past the length of a sample, and in a copy at all positions that are not valid.</summary>
    public bool ClearsInvalid;

    /// <summary>Backward: Σ dy and Σ dy · x̂ of each channel of each sample.</summary>
    public Sums* UnitSums;

    /// <summary>The sums of each channel over what weighs <see cref="GivenWeight"/>, where other processes have elements too.</summary>
    public Sums* GivenSums;
    public double GivenWeight;

    /// <summary>Whether rows that share a mask are written four at a time. Those of long slices would lie a page or more apart.</summary>
    public readonly bool WritesFour => Plan.S < Thresholds.WideTile;

    public readonly bool AreChannels => Plan.Statistics == StatisticsSharing.Channel;

    public readonly nint Groups => AreChannels ? Plan.C : Plan.N * Plan.Groups;

    /// <summary>Whether the valid positions of a sample are its first ones, and are gone over without a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsPrefix(nint sample) => Mask == null || (Samples[sample].IsPrefix && Samples[sample].Count >= ShortestPrefix);

    /// <summary>How many positions of a sample are gone over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly nint LengthOf(nint sample) => IsPrefix(sample) ? Samples[sample].Count : Plan.S;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly byte* MaskOf(nint sample) => IsPrefix(sample) ? null : Mask + (sample * Plan.S);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly T* WeightsOf(nint sample) => Weights == null ? null : Weights + (sample * Plan.S);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly double WeightOf(nint channel) => Weight == null ? 1 : Element.ToDouble(Weight[channel]);

    /// <summary>
    /// Whether the sums of a group are first taken in float, as those of a pass without a mask. Statistics that are merged with others are
    /// taken in double, and so are sums about a mean that is not that of the elements.
    /// </summary>
    public readonly bool IsNarrow =>
        typeof(T) == typeof(float) && Plan.S >= NarrowReduction.BlockLength && GivenSums == null
        && !HasFixedStatistics && !Plan.HasExactStatistics
        && (AreChannels ? Plan.N : Plan.C / Plan.Groups) * Plan.S >= Thresholds.ShortestNarrowGroup;

    /// <summary>The same down columns, whose sums in float know no weights.</summary>
    public readonly bool MayAddColumnsInFloats(in SampleWeight total) =>
        typeof(T) == typeof(float) && Weights == null && GivenSums == null && !HasFixedStatistics && !Plan.HasExactStatistics
        && total.Count >= Projection.FewElements;

    /// <summary>How many neighboring groups are taken at a time: as many as stay in the first-level cache.</summary>
    public readonly nint GroupsAtOnce =>
        Thresholds.GroupsPerBatch((AreChannels ? Plan.N : Plan.C / Plan.Groups) * Plan.S * sizeof(T));

    /// <summary>The end of the groups from one on that have the same samples, and so the same weights.</summary>
    public readonly nint LastAlike(nint index, nint end) =>
        AreChannels ? end : Math.Min(end, ((index / Plan.Groups) + 1) * Plan.Groups);

    /// <summary>
    /// The groups of a sample whose first positions are valid. Where they are all positions, the layout is that of a pass without a mask.
    /// </summary>
    public readonly GroupLayout LayoutOf(nint sample)
    {
        nint groups = AreChannels ? Plan.C : Plan.Groups, length = LengthOf(sample);
        return length == Plan.S ? GroupLayout.ChannelGroups(1, Plan.C, Plan.S, groups) : GroupLayout.Sample(Plan.C, Plan.S, groups, length);
    }

    public readonly MaskedGroup Group(nint index) => AreChannels
        ? new(0, Plan.N, index, 1)
        : new(index / Plan.Groups, 1, index % Plan.Groups * (Plan.C / Plan.Groups), Plan.C / Plan.Groups);

    /// <summary>What the elements of a group weigh.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public readonly SampleWeight WeightOf(in MaskedGroup group)
    {
        SampleWeight total = default;
        for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
            total = total.With(Samples[sample], (sample - group.FirstSample) * Plan.S);
        return total.In(group.Channels);
    }

    /// <summary>
    /// What dy of a group of doubles is taken about: the median of three valid elements, because one of them may be an outlier. About a
    /// given mean, and over the elements of one process, x̂ does not sum to zero, and dy is taken about nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public readonly double OutputPivotOf(in MaskedGroup group, in SampleWeight weight)
    {
        if (typeof(T) == typeof(float) || HasFixedStatistics || Output == null || GivenSums != null || weight.Count == 0)
            return 0;
        return OutputPivot.Median(
            GradientAt(group, weight.First, 0), GradientAt(group, MiddleOf(group, weight), group.Channels / 2),
            GradientAt(group, weight.Last, group.Channels - 1));
    }

    /// <summary>weight · dy of three valid elements of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public readonly ProductSamples<One> ProductsOf(in MaskedGroup group, in SampleWeight weight)
    {
        nint channel = group.FirstChannel, middle = group.Channels / 2, last = group.Channels - 1;
        return new(
            WeightOf(channel) * GradientAt(group, weight.First, 0),
            WeightOf(channel + middle) * GradientAt(group, MiddleOf(group, weight), middle),
            WeightOf(channel + last) * GradientAt(group, weight.Last, last));
    }

    /// <summary>A valid position in the middle of a group, or its first one.</summary>
    public readonly nint MiddleOf(in MaskedGroup group, in SampleWeight weight)
    {
        nint middle = group.FirstSample + (group.Samples / 2);
        SampleWeight inside = Samples[middle];
        nint between =
            inside.Count == 0 ? weight.First : ((middle - group.FirstSample) * Plan.S) + ((inside.Last + inside.First) / 2);
        return Mask == null || Mask[(group.FirstSample * Plan.S) + between] != 0 ? between : weight.First;
    }

    /// <summary>The element of the first channel at a position of all samples.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly T* ElementAt(T* elements, nint position) =>
        elements + (position / Plan.S * Plan.C * Plan.S) + (position % Plan.S);

    private readonly double GradientAt(in MaskedGroup group, nint position, nint channel)
    {
        nint sample = group.FirstSample + (position / Plan.S);
        return Element.ToDouble(OutputGradient[(((sample * Plan.C) + group.FirstChannel + channel) * Plan.S) + (position % Plan.S)]);
    }
}

/// <summary>The samples and the channels that share statistics.</summary>
internal readonly record struct MaskedGroup(nint FirstSample, nint Samples, nint FirstChannel, nint Channels)
{
    /// <summary>One of the groups behind it with the same samples.</summary>
    public MaskedGroup Next(nint groups) => this with { FirstChannel = FirstChannel + (groups * Channels) };

    /// <summary>
    /// For each of some rows, which are channels of neighboring groups, the index of its group. Each of them costs a division otherwise.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void IndexRows(nint first, nint rows, nint channels, nint* groups)
    {
        nint group = first / channels, left = ((group + 1) * channels) - first;
        for (nint i = 0; i < rows; i++)
        {
            groups[i] = group;
            if (--left == 0)
                (group, left) = (group + 1, channels);
        }
    }
}
