using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>Forward over runs and rows: the statistics of a group, then its affine pass while it is still in the cache.</summary>
internal readonly unsafe struct GroupForward<T, V, W> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GroupLayout _layout;
    private readonly Operands<T> _operands;
    private readonly bool _isStreamed;

    // Rows of several segments that share their weights are written together, so that each segment of these is read once for four of
    // them: one by one [8, 64, 32, 32] took 1.2. Rows of one segment are not: together [2048, 4096] took 1.3.
    private readonly nint _groupsAtOnce;
    private readonly nint _batch;
    private readonly nint _ahead;

    // LayerNorm of [8192, 768] took 1.12 on one thread where its sums did not ask ahead, and 0.95 on two, which keep the memory busy.
    private readonly bool _sumsAskAhead;

    private GroupForward(in GroupLayout layout, in Operands<T> operands, int degree, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _isStreamed = isStreamed;
        _groupsAtOnce = layout.SharesWeights && layout.Unit.Segments > 1 ? Map.RowsAtOnce : 1;
        nint batch = Thresholds.GroupsPerBatch(layout.Group.Elements * sizeof(T));
        _batch = Math.Max(_groupsAtOnce, batch);
        _ahead = Thresholds.Ahead(layout.Elements * sizeof(T), batch * layout.GroupStride);
        _sumsAskAhead = degree == 1;
    }

    public static void Run(in GroupLayout layout, in Operands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        var job = new GroupForward<T, V, W>(layout, operands, degree, Thresholds.IsStreamed(2 * bytes, layout.Unit.Length * sizeof(T)));
        if (degree == 1 || layout.Groups >= degree * Thresholds.ChunksPerThread * job._groupsAtOnce)
            Partition.For(job, layout.Groups, degree);
        else
            job.RunSplit(degree);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        Sums* sums = stackalloc Sums[Thresholds.BatchGroups];
        nint channel = start * _layout.UnitsPerGroup % _layout.Channels, statistic = start % _layout.StatisticsPeriod;
        for (nint first = start; first < end; first += _batch)
        {
            nint count = Math.Min(_batch, end - first);
            if (!_operands.HasFixedStatistics)
                ComputeStatistics(first, count, sums);
            if (_operands.Output == null)
                continue;
            nint group = first;
            for (; _layout.SharesWeights && group + Map.RowsAtOnce <= first + count && TryApplyFour(group, 0, _layout.Unit.Segments); group += Map.RowsAtOnce)
                statistic += Map.RowsAtOnce;
            for (; group < first + count; group++)
            {
                for (nint unit = group * _layout.UnitsPerGroup; unit < (group + 1) * _layout.UnitsPerGroup; unit++)
                {
                    Apply(unit, channel, _operands.Statistics[statistic]);
                    channel = channel + 1 == _layout.Channels ? 0 : channel + 1;
                }
                statistic = statistic + 1 == _layout.StatisticsPeriod ? 0 : statistic + 1;
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of all groups of a batch before the divisions and roots of all, so that the processor overlaps them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ComputeStatistics(nint first, nint count, Sums* sums)
    {
        T* x = _operands.Input + (first * _layout.GroupStride);
        nint next = 0, ahead = _sumsAskAhead ? _ahead : 0;
        for (; next + Map.RowsAtOnce <= count && _layout.Group.Segments == 1; next += Map.RowsAtOnce)
            Moments<T, W>.SumsOfFour(x + (next * _layout.GroupStride), _layout.GroupStride, _layout.Group, _operands.IsCentered, ahead, sums + next);
        for (nint i = next; i < count; i++)
        {
            T* group = x + (i * _layout.GroupStride);
            sums[i] = Moments<T, W>.SumsAbout(group, _layout.Group, Moments<T, W>.Pivot(group, _operands.IsCentered));
        }
        Lanes.Run(new BatchStatistics(in this, first, sums), 0, count);
    }

    /// <summary>Few large groups: every phase is spread over the segments of all of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunSplit(int degree)
    {
        if (!_operands.HasFixedStatistics)
        {
            nint segments = _layout.Group.Segments;
            using var scratch = new Scratch<Sums>(_layout.Groups * segments);
            fixed (Sums* sums = scratch.Span)
            {
                Partition.For(new SegmentMoments(this, sums), _layout.Groups * segments, degree);
                for (nint group = 0; group < _layout.Groups; group++)
                {
                    TotalSums total = default;
                    for (nint i = 0; i < segments; i++)
                        total.Add(sums[(group * segments) + i]);
                    T* x = _operands.Input + (group * _layout.GroupStride);
                    _operands.Statistics[group] = Moments<T, W>.Finish(
                        x, _layout.Group, total.Value, _operands.IsCentered, _operands.Epsilon);
                }
            }
        }
        nint blocks = (_layout.Units + _groupsAtOnce - 1) / _groupsAtOnce;
        if (_operands.Output != null)
            Partition.For(new BlockSegments(this), blocks * _layout.Unit.Segments, degree);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Apply(nint unit, nint channel, in GroupStatistics statistics)
    {
        for (nint i = 0; i < _layout.Unit.Segments; i++)
            Apply(unit, channel, statistics, _layout.Unit[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(nint unit, nint channel, in GroupStatistics statistics, in Segment segment)
    {
        nint offset = (unit * _layout.UnitStride) + segment.Offset;
        if (_layout.IsElementwise)
        {
            ApplyWeighted(offset, (channel * _layout.Unit.Length) + segment.Offset, segment.Length, Affine.Normalizing<T>(statistics));
            return;
        }
        double weight = _operands.WeightOf<One>(channel), bias = _operands.BiasOf<One>(channel);
        Affine affine = Affine.Create<T>(statistics, weight, bias);
        for (nint run = 0; run < segment.Runs; run++, offset += _layout.Unit.Stride)
        {
            if (affine.IsNarrow)
                Map.Run<T, V, AffineMap<T, V>, Nothing>(new(_operands.Input + offset, affine), Target(offset, segment.Length));
            else
                Map.Run<T, W, WideAffineMap<T, W>, Nothing>(new(_operands.Input + offset, new(statistics, weight, bias)), Target(offset, segment.Length));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ApplyWeighted(nint offset, nint weight, nint length, in Affine affine)
    {
        if (affine.IsNarrow && _operands.Bias != null)
            ApplyWeighted<V, On>(offset, weight, length, affine);
        else if (affine.IsNarrow)
            ApplyWeighted<V, Off>(offset, weight, length, affine);
        else if (_operands.Bias != null)
            ApplyWeighted<W, On>(offset, weight, length, affine);
        else
            ApplyWeighted<W, Off>(offset, weight, length, affine);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ApplyWeighted<TVector, THasBias>(nint offset, nint weight, nint length, in Affine affine)
        where TVector : unmanaged, ISimd<TVector, T>
        where THasBias : struct, IFlag =>
        Map.Run<T, TVector, WeightedAffineMap<T, TVector, THasBias>, WeightAndBias<TVector>>(
            new(_operands.Input + offset, _operands.Weight + weight, _operands.Bias + weight, affine), Target(offset, length));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Target<T> Target(nint offset, nint length) => new(_operands.Output + offset, length, _isStreamed, _ahead);

    /// <summary>Applies some segments of four rows side by side, if the element type is wide enough for all of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private bool TryApplyFour(nint row, nint firstSegment, nint endSegment)
    {
        GroupStatistics* statistics = _operands.Statistics + row;
        Affine first = Affine.Normalizing<T>(statistics[0]), second = Affine.Normalizing<T>(statistics[1]);
        Affine third = Affine.Normalizing<T>(statistics[2]), fourth = Affine.Normalizing<T>(statistics[3]);
        if (!(first.IsNarrow && second.IsNarrow && third.IsNarrow && fourth.IsNarrow))
            return false;
        for (nint i = firstSegment; i < endSegment; i++)
        {
            Segment segment = _layout.Unit[i];
            if (_operands.Bias != null)
                ApplyFour<On>(row, segment, first, second, third, fourth);
            else
                ApplyFour<Off>(row, segment, first, second, third, fourth);
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ApplyFour<THasBias>(nint row, in Segment segment, in Affine first, in Affine second, in Affine third, in Affine fourth)
        where THasBias : struct, IFlag
    {
        nint width = _layout.Unit.Length, offset = (row * width) + segment.Offset;
        T* weight = _operands.Weight + segment.Offset, bias = _operands.Bias + segment.Offset, x = _operands.Input + offset;
        Map.RunFour<T, V, WeightedAffineMap<T, V, THasBias>, WeightAndBias<V>>(
            new(x, weight, bias, first),
            new(x + width, weight, bias, second),
            new(x + (2 * width), weight, bias, third),
            new(x + (3 * width), weight, bias, fourth),
            Target(offset, segment.Length),
            width);
    }

    private readonly ref struct BatchStatistics(ref readonly GroupForward<T, V, W> forward, nint first, Sums* sums) : ILaneJob
    {
        private readonly ref readonly GroupForward<T, V, W> _forward = ref forward;
        private readonly nint _first = first;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            ref readonly GroupLayout layout = ref _forward._layout;
            ref readonly Operands<T> operands = ref _forward._operands;
            double* sums = (double*)(_sums + index);
            nint group = _first + index, step = sizeof(Sums) / sizeof(double);
            bool isDone = Moments<T, W>.TryFinish(
                operands.Input + (group * layout.GroupStride),
                layout.GroupStride,
                layout.Group,
                TLanes.Gather(sums, step),
                TLanes.Gather(sums + 1, step),
                operands.IsCentered,
                operands.Epsilon,
                out GroupStatistics<TLanes> statistics);
            if (isDone)
                statistics.Store(operands.Statistics + group);
            return isDone;
        }
    }

    private readonly struct SegmentMoments(GroupForward<T, V, W> forward, Sums* sums) : IJob
    {
        private readonly GroupForward<T, V, W> _forward = forward;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            GroupLayout layout = _forward._layout;
            for (nint i = start; i < end; i++)
            {
                (nint group, nint segment) = (i / layout.Group.Segments, i % layout.Group.Segments);
                T* x = _forward._operands.Input + (group * layout.GroupStride);
                double pivot = Moments<T, W>.Pivot(x, _forward._operands.IsCentered);
                _sums[i] = Moments<T, W>.SegmentSums(x, layout.Group, layout.Group[segment], pivot);
            }
        }
    }

    /// <summary>One segment of a unit, or of long rows that are written together.</summary>
    private readonly struct BlockSegments(GroupForward<T, V, W> forward) : IJob
    {
        private readonly GroupForward<T, V, W> _forward = forward;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            GroupLayout layout = _forward._layout;
            nint segments = layout.Unit.Segments, atOnce = _forward._groupsAtOnce;
            for (nint i = start; i < end; i++)
            {
                (nint unit, nint segment) = (i / segments * atOnce, i % segments);
                if (atOnce == Map.RowsAtOnce && unit + atOnce <= layout.Units && _forward.TryApplyFour(unit, segment, segment + 1))
                    continue;
                for (nint last = Math.Min(unit + atOnce, layout.Units); unit < last; unit++)
                {
                    nint statistic = unit / layout.UnitsPerGroup % layout.StatisticsPeriod;
                    _forward.Apply(unit, unit % layout.Channels, _forward._operands.Statistics[statistic], layout.Unit[segment]);
                }
            }
            if (_forward._isStreamed)
                Fence.Publish();
        }
    }
}
