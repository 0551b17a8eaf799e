using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Forward over slices and rows: the statistics of a group, then its affine pass while it is still in the cache.</summary>
internal readonly unsafe partial struct GroupForward<T, V, W, TSource, TEpilogue> : IJob, IStagedJob<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly GroupLayout* _layout;
    private readonly TSource _source;
    private readonly TEpilogue _epilogue;
    private readonly ForwardOperands<T>* _operands;
    private readonly bool _isStreamed;
    private readonly bool _isStaged;

    private readonly nint _groupsAtOnce;
    private readonly nint _batch;
    private readonly nint _ahead;

    // Several threads use all of the memory's speed without prefetch, and so do two inputs.
    private readonly bool _sumsPrefetch;

    private GroupForward(
        GroupLayout* layout, nint groupsAtOnce, ForwardOperands<T>* operands, in TSource source, in TEpilogue epilogue,
        int degree, bool isStreamed, long bytes)
    {
        _layout = layout;
        _source = source;
        _epilogue = epilogue;
        _operands = operands;
        _isStreamed = isStreamed;
        long all = Thresholds.ForwardBytes(bytes, operands->HasFixedStatistics);
        _isStaged = !isStreamed && layout->UnitsAreNeighbors && Thresholds.IsStaged(all, layout->Unit.Length * sizeof(T));
        _groupsAtOnce = groupsAtOnce;
        nint batch = Thresholds.GroupsPerBatch(layout->Group.Elements * sizeof(T) * TSource.Arrays);
        if (_isStaged)
            batch = Math.Min(batch, Thresholds.StagedBytes / (layout->Unit.Length * sizeof(T)));
        _batch = Math.Max(_groupsAtOnce, batch);
        _ahead = Thresholds.AheadOfBatch<T>(bytes, batch * layout->GroupStride);
        _sumsPrefetch = degree == 1 && TSource.Arrays == 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in Route route, in ForwardOperands<T> operands, in TSource source, in TEpilogue epilogue)
    {
        // The job refers to both, because copies of them would cost more than a short row.
        fixed (Route* pRoute = &route)
        fixed (ForwardOperands<T>* pOperands = &operands)
        {
            GroupLayout* layout = &pRoute->Groups;
            long bytes = layout->Elements * sizeof(T);
            int degree = Partition.DegreeFor(bytes);
            nint pieceBytes = layout->Unit.Length * sizeof(T);
            long all = Thresholds.ForwardBytes(bytes, operands.HasFixedStatistics);
            bool isStreamed = layout->UnitsAreNeighbors
                ? Thresholds.IsStreamed(all, pieceBytes, operands.Output)
                : Thresholds.IsStreamed(all, pieceBytes);
            var job = new GroupForward<T, V, W, TSource, TEpilogue>(
                layout, route.RowsAtOnce, pOperands, source, epilogue, degree, isStreamed, bytes);
            if (degree == 1 || layout->Groups >= degree * Thresholds.ChunksPerThread * job._groupsAtOnce)
                Partition.For(job, layout->Groups, degree);
            else
                job.RunSplit(degree);
        }
    }

    /// <summary>One sample of a batch of so many bytes, on this thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void RunSample(
        GroupLayout* layout, ForwardOperands<T>* operands, in TSource source, in TEpilogue epilogue, bool isStreamed, long bytes) =>
        new GroupForward<T, V, W, TSource, TEpilogue>(layout, 1, operands, source, epilogue, 1, isStreamed, bytes).Run(0, layout->Groups);

    /// <summary>Some groups, on this thread, where their source is in a cache, or of a batch of so many bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void RunPart(
        GroupLayout* layout, ForwardOperands<T>* operands, in TSource source, in TEpilogue epilogue, bool isStreamed,
        nint first, nint last, long bytes = 0) =>
        new GroupForward<T, V, W, TSource, TEpilogue>(layout, 1, operands, source, epilogue, 1, isStreamed, bytes).Run(first, last);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end) => Staging<T, V>.Run(this, _operands->Output, _isStaged, start, end);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, ref Staging<T, V> output)
    {
        Sums* sums = stackalloc Sums[Thresholds.BatchGroups];
        nint length = _layout->Unit.Length;
        bool isShort = !_operands->HasFixedStatistics && IsNarrow && Moments<T, V, W, TSource>.IsShort(_layout->Group);
        for (nint first = start; first < end; first += _batch)
        {
            nint count = Math.Min(_batch, end - first);
            if (isShort)
            {
                bool isWritten = _operands->Output != null && _layout->SharesWeights && _operands->Modulation == null;
                RunShort(first, count, !isWritten ? null : _isStaged ? output.Next(first * length, count * length) : _operands->Output);
                if (isWritten)
                    continue;
            }
            else if (!_operands->HasFixedStatistics)
            {
                ComputeStatistics(first, count, sums);
            }
            if (_operands->Output == null)
                continue;
            if (_layout->IsElementwise)
            {
                for (nint row = first, rows; row < first + count; row += rows)
                {
                    bool areFour = _layout->SharesWeights && TSource.Arrays == 1 && row + Thresholds.RowsAtOnce <= first + count;
                    rows = areFour ? Thresholds.RowsAtOnce : 1;
                    T* place = _isStaged ? output.Next(row * length, rows * length) : _operands->Output;
                    for (nint i = 0; i < _layout->Unit.Segments; i++)
                        ApplyRows(row, rows, _layout->Unit[i], place);
                }
                continue;
            }
            nint most = _layout->Unit.Slices > 1 || _layout->Unit.Segments > 1 ? 1
                : _isStaged ? Math.Min(Thresholds.BatchGroups, Thresholds.StagedBytes / (length * sizeof(T)))
                : Thresholds.BatchGroups;
            nint last = (first + count) * _layout->UnitsPerGroup;
            for (nint unit = first * _layout->UnitsPerGroup, units; unit < last; unit += units)
            {
                units = Math.Min(most, last - unit);
                T* place = _isStaged ? output.Next(unit * length, units * length) : _operands->Output;
                if (most > 1)
                {
                    ApplyUnits(unit, units, place);
                    continue;
                }
                for (nint i = 0; i < _layout->Unit.Segments; i++)
                    ApplyUnit(unit, _layout->Unit[i], place);
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of all groups of a batch before the divisions and roots of all, so that the processor overlaps them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ComputeStatistics(nint first, nint count, Sums* sums)
    {
        TSource x = _source.At(first * _layout->GroupStride);
        nint next = 0, ahead = _sumsPrefetch ? _ahead : 0;
        if (IsNarrow)
        {
            Moments<T, V, W, TSource>.NarrowSums(x, _layout->GroupStride, count, _layout->Group, _operands->IsCentered, ahead, sums);
            next = count;
        }
        for (; next + Thresholds.RowsAtOnce <= count && _layout->Group.Segments == 1; next += Thresholds.RowsAtOnce)
        {
            Moments<T, V, W, TSource>.SumsOfFour(
                x.At(next * _layout->GroupStride), _layout->GroupStride, _layout->Group, _operands->IsCentered, ahead, sums + next);
        }
        for (nint i = next; i < count; i++)
        {
            TSource group = x.At(i * _layout->GroupStride);
            double pivot = Moments<T, V, W, TSource>.Pivot(group, _operands->IsCentered);
            sums[i] = Moments<T, V, W, TSource>.SumsAbout(group, _layout->Group, pivot) with { Pivot = pivot };
        }
        Lanes.Run(new BatchStatistics(in this, first, sums), 0, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ApplyUnit(nint unit, in Segment segment, T* output)
    {
        nint channel = unit % _layout->CoefficientPeriod;
        ref readonly GroupStatistics statistics = ref StatisticsOf(unit);
        nint offset = (unit * _layout->UnitStride) + segment.Offset;
        double weight = _operands->WeightOf<One>(channel), bias = _operands->BiasOf<One>(channel);
        var affine = Affine.Create<T>(statistics, weight, bias);
        AffineRows<T, TSource, TEpilogue, Affine> rows = new(_source.At(offset), _epilogue.At(offset), _layout->Unit.Stride, &affine);
        Target<T> target = new(output + offset, segment.Length, _isStreamed, _ahead);
        ElementProgram.Run<T, V, W, AffineProgram<T, TSource, TEpilogue>>(
            new(in rows, segment.Slices, in statistics, weight, bias, in target), 1);
    }

    /// <summary>A segment of one row, or of four that share their weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ApplyRows(nint row, nint rows, in Segment segment, T* output)
    {
        Affine* affines = stackalloc Affine[Thresholds.RowsAtOnce];
        Lanes.Run(new RowAffines(_operands->Statistics + row, affines), 0, rows);
        if (_operands->Modulation != null)
        {
            ApplyModulatedRows(row, rows, segment, affines, output);
            return;
        }
        nint width = _layout->Unit.Length, offset = (row * width) + segment.Offset;
        nint weight = ((_layout->SharesWeights ? 0 : row % _layout->CoefficientPeriod) * width) + segment.Offset;
        T* bias = _operands->Bias == null ? null : _operands->Bias + weight;
        WeightedAffineRows<T, TSource, TEpilogue> weighted = new(
            new(_source.At(offset), _epilogue.At(offset), width, affines), _operands->Weight + weight, bias);
        Target<T> target = new(output + offset, segment.Length, _isStreamed, _ahead);
        ElementProgram.Run<T, V, W, WeightedAffineProgram<T, TSource, TEpilogue>>(new(in weighted, in target), rows);
    }

    /// <summary>The same with a scale and a shift, which the rows of a sample share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ApplyModulatedRows(nint row, nint rows, in Segment segment, Affine* affines, T* output)
    {
        nint width = _layout->Unit.Length, rowsOfSample = _operands->Modulation->Rows;
        T* weight = _operands->Weight == null ? null : _operands->Weight + segment.Offset;
        T* bias = _operands->Bias == null ? null : _operands->Bias + segment.Offset;
        for (nint end = row + rows, count; row < end; row += count, affines += count)
        {
            nint sample = row / rowsOfSample, offset = (row * width) + segment.Offset;
            count = Math.Min(end, (sample + 1) * rowsOfSample) - row;
            ModulatedRows<T, TSource, TEpilogue> modulated = new(
                new(new(_source.At(offset), _epilogue.At(offset), width, affines), weight, bias),
                _operands->Modulation->At((sample * width) + segment.Offset));
            Target<T> target = new(output + offset, segment.Length, _isStreamed, _ahead);
            ElementProgram.Run<T, V, W, ModulatedProgram<T, TSource, TEpilogue>>(
                new(in modulated, _operands->Statistics + row, in target), count);
        }
    }

    private bool IsNarrow => Moments<T, V, W, TSource>.IsNarrow(_layout->Group, _operands->IsCentered, _operands->IsExact);

    private ref GroupStatistics StatisticsOf(nint unit) =>
        ref _operands->Statistics[unit / _layout->UnitsPerGroup % _layout->StatisticsPeriod];

    private readonly ref struct BatchStatistics(ref readonly GroupForward<T, V, W, TSource, TEpilogue> forward, nint first, Sums* sums)
        : ILaneJob
    {
        private readonly ref readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = ref forward;
        private readonly nint _first = first;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            ref readonly GroupLayout layout = ref *_forward._layout;
            ref readonly ForwardOperands<T> operands = ref *_forward._operands;
            double* sums = (double*)(_sums + index);
            nint group = _first + index, step = sizeof(Sums) / sizeof(double);
            bool isDone = Moments<T, V, W, TSource>.TryFinish(
                _forward._source.At(group * layout.GroupStride),
                layout.GroupStride,
                layout.Group,
                TLanes.Gather(sums, step),
                TLanes.Gather(sums + 1, step),
                TLanes.Gather(sums + 2, step),
                operands.IsCentered,
                _forward.IsNarrow,
                operands.Epsilon,
                out GroupStatistics<TLanes> statistics);
            if (isDone)
                statistics.Store(operands.Statistics + group);
            return isDone;
        }
    }

    private readonly struct RowAffines(GroupStatistics* statistics, Affine* affines) : ILaneJob
    {
        private readonly GroupStatistics* _statistics = statistics;
        private readonly Affine* _affines = affines;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            var affine = Affine<TLanes>.Normalizing<T>(GroupStatistics<TLanes>.Load(_statistics + first));
            bool isDone = TLanes.Count == 1 || affine.IsNarrow;
            if (isDone)
                affine.Store(_affines + first);
            return isDone;
        }
    }
}
