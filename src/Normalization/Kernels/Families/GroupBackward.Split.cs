using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>Groups that are fewer than the threads: the threads share the segments of each unit.</content>
internal readonly unsafe partial struct GroupBackward<T, V, W>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunSplit(int degree)
    {
        if (_operands->GivenSums == null)
            SumSplit(degree);
        if (_operands->InputGradient == null && !_mayBeRefined)
            return;
        using var scratch = new Scratch<GroupGradient>(_layout->Groups);
        fixed (GroupGradient* gradients = scratch.Span)
        {
            for (nint group = 0; group < _layout->Groups; group++)
            {
                gradients[group] = _mayBeRefined && !AreSpread(group)
                    ? Refine(group)
                    : Project(group, StatisticsOf(group * _layout->UnitsPerGroup));
            }
            if (_operands->InputGradient == null)
                return;
            Partition.For(new UnitSegments(this, gradients), _layout->Units * _layout->Unit.Segments, degree);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void SumSplit(int degree)
    {
        nint segments = _layout->Unit.Segments;
        using var scratch = new Scratch<Sums>(_layout->Units * segments);
        fixed (Sums* sums = scratch.Span)
        {
            Partition.For(new UnitSegmentSums(this, sums), _layout->Units * segments, degree);
            for (nint unit = 0; unit < _layout->Units; unit++)
            {
                TotalSums total = default;
                for (nint i = 0; i < segments; i++)
                    total.Add(sums[(unit * segments) + i]);
                _unitSums[unit] = AboutMean(unit, total.Value, StatisticsOf(unit));
            }
        }
    }

    private readonly struct UnitSegmentSums(GroupBackward<T, V, W> backward, Sums* sums) : IJob
    {
        private readonly GroupBackward<T, V, W> _backward = backward;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            SliceSet set = _backward._layout->Unit;
            for (nint i = start; i < end; i++)
                _sums[i] = _backward.SegmentSums(i / set.Segments, _backward.StatisticsOf(i / set.Segments), set[i % set.Segments]);
        }
    }

    private readonly struct UnitSegments(GroupBackward<T, V, W> backward, GroupGradient* gradients) : IJob
    {
        private readonly GroupBackward<T, V, W> _backward = backward;
        private readonly GroupGradient* _gradients = gradients;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            ref readonly GroupLayout layout = ref *_backward._layout;
            for (nint i = start; i < end; i++)
            {
                (nint unit, nint segment) = (i / layout.Unit.Segments, i % layout.Unit.Segments);
                ref readonly GroupStatistics statistics = ref _backward.StatisticsOf(unit);
                _backward.Apply(
                    unit, 1, unit % layout.CoefficientPeriod, statistics, _gradients[unit / layout.UnitsPerGroup], layout.Unit[segment]);
            }
            if (_backward._isStreamed)
                Fence.Publish();
        }
    }
}
