using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Forward over the valid positions, sample by sample: the statistics, unless they are given, and the output.</summary>
internal readonly unsafe struct MaskedForward<T, V, W>(MaskedOperands<T>* operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private const int Most = Thresholds.BatchGroups;

    private readonly MaskedOperands<T>* _operands = operands;

    public static void Run(in MaskedOperands<T> operands)
    {
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            Partition.For(
                new MaskedForward<T, V, W>(pOperands), operands.Plan.N, Partition.DegreeFor((long)operands.Plan.Elements * sizeof(T)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        Plan plan = _operands->Plan;
        nint groups = _operands->AreChannels ? plan.C : plan.Groups;
        for (nint sample = start; sample < end; sample++)
        {
            GroupStatistics* statistics = _operands->Statistics + (_operands->AreChannels ? 0 : sample * groups);
            nint valid = 0;
            if (_operands->Samples[sample].Count == 0)
            {
                if (!_operands->HasFixedStatistics)
                    new Span<GroupStatistics>(statistics, (int)groups).Clear();
            }
            else if (_operands->IsPrefix(sample))
            {
                OfPrefix(sample, statistics);
                valid = _operands->LengthOf(sample);
            }
            else
            {
                OfMask(sample, groups, statistics);
                valid = plan.S;
            }
            for (nint channel = 0; channel < plan.C && _operands->ClearsInvalid && valid < plan.S; channel++)
                new Span<T>(_operands->Output + (((sample * plan.C) + channel) * plan.S) + valid, (int)(plan.S - valid)).Clear();
        }
    }

    private ForwardOperands<T> OperandsOf(nint element, nint channel, GroupStatistics* statistics) => new()
    {
        Output = _operands->Output + element,
        Weight = _operands->Weight == null ? null : _operands->Weight + channel,
        Bias = _operands->Bias == null ? null : _operands->Bias + channel,
        Statistics = statistics,
        Epsilon = _operands->Epsilon,
        HasFixedStatistics = _operands->HasFixedStatistics,
        IsCentered = true,
    };

    private bool IsStreamed(nint length) =>
        Thresholds.IsStreamed(2 * (long)_operands->Plan.Elements * sizeof(T), length * sizeof(T));

    /// <summary>A sample whose first positions are valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void OfPrefix(nint sample, GroupStatistics* statistics)
    {
        nint offset = sample * _operands->Plan.C * _operands->Plan.S;
        GroupLayout layout = _operands->LayoutOf(sample);
        ForwardOperands<T> forward = OperandsOf(offset, 0, statistics);
        GroupForward<T, V, W, Plain<T>, Identity<T>>.RunSample(
            &layout, &forward, new(_operands->Input + offset), default, IsStreamed(layout.Unit.Length),
            (long)_operands->Plan.Elements * sizeof(T));
    }

    /// <summary>A sample with a mask: the statistics of some groups, unless they are given, and their output while they are near.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void OfMask(nint sample, nint groups, GroupStatistics* statistics)
    {
        nint channels = _operands->Plan.C / groups, batch = _operands->HasFixedStatistics ? groups : _operands->GroupsAtOnce;
        MaskedMoments<T, V, W> moments = new(_operands);
        SampleWeight weight = _operands->Samples[sample].In(channels);
        for (nint first = 0, last; first < groups; first = last)
        {
            last = Math.Min(first + batch, groups);
            if (!_operands->HasFixedStatistics)
                moments.Compute((sample * groups) + first, (sample * groups) + last, weight);
            Write(sample, first * channels, last * channels, statistics, channels);
        }
        if (IsStreamed(_operands->Plan.S))
            Fence.Publish();
    }

    /// <summary>The output of some channels of a sample with statistics: several at a time, which share the mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Write(nint sample, nint start, nint end, GroupStatistics* statistics, nint channelsPerGroup)
    {
        nint s = _operands->Plan.S;
        GroupStatistics* own = stackalloc GroupStatistics[Most];
        Affine* affines = stackalloc Affine[Most];
        nint* groups = stackalloc nint[Most];
        ForwardOperands<T> operands = OperandsOf(0, 0, own);
        for (nint first = start, count; first < end; first += count)
        {
            count = Math.Min(Most, end - first);
            MaskedGroup.IndexRows(first, count, channelsPerGroup, groups);
            for (nint i = 0; i < count; i++)
                own[i] = statistics[groups[i]];
            Lanes.Run(new ChannelAffines(in operands, first, affines), 0, count);
            nint offset = ((sample * _operands->Plan.C) + first) * s;
            MaskedAffineRows<T> rows = new(_operands->Input + offset, _operands->MaskOf(sample), s, affines);
            Target<T> target = new(_operands->Output + offset, s, IsStreamed(s), 0);
            for (nint i = 0, next; i < count; i = next)
            {
                next = i + 1;
                if (!affines[i].IsNarrow)
                {
                    Alone(sample, first + i, own + i);
                    continue;
                }
                while (next < count && affines[next].IsNarrow)
                    next++;
                Map.Run<T, V, MaskedAffineRows<T>, MaskedAffineMap<T, V>, V>(
                    rows, i, next - i, _operands->WritesFour, target, s);
            }
        }
    }

    /// <summary>A channel whose coefficients leave the range of the element type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Alone(nint sample, nint channel, GroupStatistics* statistics)
    {
        nint s = _operands->Plan.S, offset = ((sample * _operands->Plan.C) + channel) * s;
        var layout = GroupLayout.ChannelGroups(1, 1, s, 1);
        ForwardOperands<T> forward = OperandsOf(offset, channel, statistics);
        forward.HasFixedStatistics = true;
        GroupForward<T, V, W, Plain<T>, MaskEpilogue<T>>.RunPart(
            &layout, &forward, new(_operands->Input + offset), new(_operands->MaskOf(sample), s, 0), IsStreamed(s), 0, 1);
    }

    private readonly ref struct ChannelAffines(ref readonly ForwardOperands<T> operands, nint first, Affine* affines) : ILaneJob
    {
        private readonly ref readonly ForwardOperands<T> _operands = ref operands;
        private readonly nint _first = first;
        private readonly Affine* _affines = affines;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            var affine = Affine<TLanes>.Create<T>(
                GroupStatistics<TLanes>.Load(_operands.Statistics + index), _operands.WeightOf<TLanes>(_first + index),
                _operands.BiasOf<TLanes>(_first + index));
            bool isDone = TLanes.Count == 1 || affine.IsNarrow;
            if (isDone)
                affine.Store(_affines + index);
            return isDone;
        }
    }
}
