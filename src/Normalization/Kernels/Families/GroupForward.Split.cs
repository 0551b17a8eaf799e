using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>Groups that are fewer than the threads: the threads share the segments of each group.</content>
internal readonly unsafe partial struct GroupForward<T, V, W, TSource, TEpilogue>
{
    /// <summary>Few large groups: every phase is spread over the segments of all of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunSplit(int degree)
    {
        if (!_operands->HasFixedStatistics)
        {
            nint segments = _layout->Group.Segments;
            using var scratch = new Scratch<Sums>(_layout->Groups * segments);
            fixed (Sums* sums = scratch.Span)
            {
                Partition.For(new SegmentMoments(this, sums), _layout->Groups * segments, degree);
                for (nint group = 0; group < _layout->Groups; group++)
                {
                    TotalSums total = default;
                    for (nint i = 0; i < segments; i++)
                        total.Add(sums[(group * segments) + i]);
                    TSource x = _source.At(group * _layout->GroupStride);
                    Sums value = total.Value with { Pivot = sums[group * segments].Pivot };
                    _operands->Statistics[group] = Moments<T, V, W, TSource>.Finish(
                        x, _layout->Group, value, _operands->IsCentered, IsNarrow, _operands->Epsilon);
                }
            }
        }
        nint blocks = (_layout->Units + _groupsAtOnce - 1) / _groupsAtOnce;
        if (_operands->Output != null)
            Partition.For(new BlockSegments(this), blocks * _layout->Unit.Segments, degree);
    }

    private readonly struct SegmentMoments(GroupForward<T, V, W, TSource, TEpilogue> forward, Sums* sums) : IJob
    {
        private readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = forward;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            ref readonly GroupLayout layout = ref *_forward._layout;
            for (nint i = start; i < end; i++)
            {
                (nint group, nint segment) = (i / layout.Group.Segments, i % layout.Group.Segments);
                TSource x = _forward._source.At(group * layout.GroupStride);
                _sums[i] = Moments<T, V, W, TSource>.SegmentSums(
                    x, layout.Group, layout.Group[segment], _forward._operands->IsCentered, _forward.IsNarrow);
            }
        }
    }

    /// <summary>One segment of a unit, or of long rows that are written together.</summary>
    private readonly struct BlockSegments(GroupForward<T, V, W, TSource, TEpilogue> forward) : IJob
    {
        private readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = forward;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            ref readonly GroupLayout layout = ref *_forward._layout;
            nint segments = layout.Unit.Segments, atOnce = _forward._groupsAtOnce;
            T* output = _forward._operands->Output;
            for (nint i = start; i < end; i++)
            {
                (nint unit, nint segment) = (i / segments * atOnce, i % segments);
                nint units = Math.Min(atOnce, layout.Units - unit);
                if (layout.IsElementwise)
                    _forward.ApplyRows(unit, units, layout.Unit[segment], output);
                else
                    _forward.ApplyUnit(unit, layout.Unit[segment], output);
            }
            if (_forward._isStreamed)
                Fence.Publish();
        }
    }
}
