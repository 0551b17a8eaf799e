using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>Backward over runs, and over rows without weights: the sums of a group's units, then its input gradient.</summary>
internal readonly unsafe struct GroupBackward<T, V, W> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GroupLayout _layout;
    private readonly BackwardOperands<T> _operands;
    private readonly Sums* _unitSums;
    private readonly bool _isStreamed;
    private readonly nint _ahead;

    private GroupBackward(in GroupLayout layout, in BackwardOperands<T> operands, Sums* unitSums, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _unitSums = unitSums;
        _isStreamed = isStreamed;
        _ahead = Thresholds.Ahead(layout.Elements * sizeof(T), layout.GroupStride);
    }

    public static void Run(in GroupLayout layout, in BackwardOperands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        using var scratch = new Scratch<Sums>(layout.Units);
        fixed (Sums* pooled = scratch.Span)
        {
            Sums* unitSums = operands.ChannelSums != null ? operands.ChannelSums : operands.GivenSums != null ? operands.GivenSums : pooled;
            var job = new GroupBackward<T, V, W>(layout, operands, unitSums, Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T)));
            if (degree == 1 || layout.Groups >= degree * Thresholds.ChunksPerThread)
                Partition.For(job, layout.Groups, degree);
            else
                job.RunSplit(degree);
            job.AddParameterGradients();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        for (nint group = start; group < end; group++)
        {
            nint first = group * _layout.UnitsPerGroup, last = first + _layout.UnitsPerGroup, channel = first % _layout.CoefficientPeriod;
            ref readonly GroupStatistics statistics = ref _operands.Statistics[group % _layout.StatisticsPeriod];
            for (nint unit = first; unit < last && _operands.GivenSums == null; unit++)
            {
                Sums total = default;
                for (nint i = 0; i < _layout.Unit.Segments; i++)
                    total.Add(SegmentSums(unit, statistics, _layout.Unit[i]));
                _unitSums[unit] = AboutMean(total, statistics);
            }
            if (_operands.InputGradient == null)
                continue;
            Projection projection = Project(first, channel, statistics);
            for (nint unit = first; unit < last; unit++, channel++)
            {
                for (nint i = 0; i < _layout.Unit.Segments; i++)
                    Apply(unit, channel, statistics, projection, _layout.Unit[i]);
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunSplit(int degree)
    {
        if (_operands.GivenSums == null)
            SumSplit(degree);
        if (_operands.InputGradient != null)
            Partition.For(new UnitSegments(this), _layout.Units * _layout.Unit.Segments, degree);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void SumSplit(int degree)
    {
        nint segments = _layout.Unit.Segments;
        using var scratch = new Scratch<Sums>(_layout.Units * segments);
        fixed (Sums* sums = scratch.Span)
        {
            Partition.For(new UnitSegmentSums(this, sums), _layout.Units * segments, degree);
            for (nint unit = 0; unit < _layout.Units; unit++)
            {
                Sums total = default;
                for (nint i = 0; i < segments; i++)
                    total.Add(sums[(unit * segments) + i]);
                _unitSums[unit] = AboutMean(total, StatisticsOf(unit));
            }
        }
    }

    private ref GroupStatistics StatisticsOf(nint unit) =>
        ref _operands.Statistics[unit / _layout.UnitsPerGroup % _layout.StatisticsPeriod];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private GradientTerms<T, W> Terms(nint offset, in GroupStatistics statistics) =>
        new(_operands.Input + offset, _operands.OutputGradient + offset, Element.Round<T>(statistics.Mean));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums SegmentSums(nint unit, in GroupStatistics statistics, in Segment segment) =>
        Reduction.Run<T, W, GradientTerms<T, W>>(
            Terms((unit * _layout.UnitStride) + segment.Offset, statistics), segment.Runs, segment.Length, _layout.Unit.Stride);

    /// <summary>Σ dy and Σ dy · (x - mean), from those about the pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums AboutMean(in Sums aboutPivot, in GroupStatistics statistics) =>
        new() { Sum = aboutPivot.Sum, Product = aboutPivot.Product - (GradientAffine.Low<T>(statistics) * aboutPivot.Sum) };

    /// <summary>From Σ g and Σ g · (x - mean) of a group, with g = weight · dy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Projection Project(nint firstUnit, nint firstChannel, in GroupStatistics statistics)
    {
        Sums total = default;
        for (nint i = 0; i < _layout.UnitsPerGroup; i++)
        {
            double weight = _operands.WeightOf<One>(firstChannel + i);
            ref readonly Sums sums = ref _unitSums[firstUnit + i];
            total.Add(new() { Sum = weight * sums.Sum, Product = weight * sums.Product });
        }
        return Projection.Create<T>(statistics, total.Sum, total.Product, _operands.CountOf(_layout.Group.Elements), _operands.IsCentered);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(nint unit, nint channel, in GroupStatistics statistics, in Projection projection, in Segment segment)
    {
        nint offset = (unit * _layout.UnitStride) + segment.Offset;
        if (_operands.HasFixedStatistics)
        {
            Affine scaling = Affine.Scaling<T>(statistics.ReciprocalDeviation * _operands.WeightOf<One>(channel));
            ElementProgram.Run<T, V, W, AffineProgram<T, Plain<T>, Identity<T>>>(
                new(new(_operands.OutputGradient + offset), default, _layout.Unit.Stride, segment.Runs, &scaling, Target(offset, segment.Length)), 1);
            return;
        }
        GradientAffine affine = projection.Weighted<T>(_operands.WeightOf<One>(channel));
        ElementProgram.Run<T, V, W, RunsProgram>(new(in this, offset, segment, &affine), 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Target<T> Target(nint offset, nint length) => new(_operands.InputGradient + offset, length, _isStreamed, _ahead);

    /// <summary>dβ = Σ dy and dγ = Σ dy · x̂ of each channel, its units in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddParameterGradients()
    {
        if (_operands.WeightGradient == null && _operands.BiasGradient == null)
            return;
        nint units = _layout.Units, groups = _layout.CoefficientPeriod / _layout.UnitsPerGroup;
        for (nint group = 0; group < groups; group++)
        {
            for (nint channel = group * _layout.UnitsPerGroup; channel < (group + 1) * _layout.UnitsPerGroup; channel++)
            {
                double weightGradient = 0, biasGradient = 0;
                nint statistic = group;
                for (nint unit = channel; unit < units; unit += _layout.CoefficientPeriod)
                {
                    weightGradient += _operands.Statistics[statistic].ReciprocalDeviation * _unitSums[unit].Product;
                    biasGradient += _unitSums[unit].Sum;
                    statistic = statistic + groups < _layout.StatisticsPeriod ? statistic + groups : group;
                }
                _operands.AddParameterGradients<One>(channel, weightGradient, biasGradient);
            }
        }
    }

    /// <summary>The runs of a segment.</summary>
    private readonly ref struct RunsProgram(ref readonly GroupBackward<T, V, W> backward, nint offset, in Segment segment, GradientAffine* affine)
        : IElementProgram<T>
    {
        private readonly ref readonly GroupBackward<T, V, W> _backward = ref backward;
        private readonly nint _offset = offset;
        private readonly Segment _segment = segment;
        private readonly GradientAffine* _affine = affine;

        public bool HasBias => false;

        public bool IsNarrow(nint segment) => _affine->IsNarrow;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector, THasBias>(nint first, nint count) where TVector : unmanaged, ISimd<TVector, T> where THasBias : struct, IFlag
        {
            nint stride = _backward._layout.Unit.Stride;
            T* x = _backward._operands.Input + _offset, dy = _backward._operands.OutputGradient + _offset;
            Map.Run<T, TVector, GradientMap<T, TVector>, Nothing>(
                new(x, dy, stride, _affine), _segment.Runs, areFour: false, _backward.Target(_offset, _segment.Length), stride);
        }
    }

    private readonly struct UnitSegmentSums(GroupBackward<T, V, W> backward, Sums* sums) : IJob
    {
        private readonly GroupBackward<T, V, W> _backward = backward;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            RunSet set = _backward._layout.Unit;
            for (nint i = start; i < end; i++)
                _sums[i] = _backward.SegmentSums(i / set.Segments, _backward.StatisticsOf(i / set.Segments), set[i % set.Segments]);
        }
    }

    private readonly struct UnitSegments(GroupBackward<T, V, W> backward) : IJob
    {
        private readonly GroupBackward<T, V, W> _backward = backward;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            GroupLayout layout = _backward._layout;
            for (nint i = start; i < end; i++)
            {
                (nint unit, nint segment) = (i / layout.Unit.Segments, i % layout.Unit.Segments);
                nint first = unit / layout.UnitsPerGroup * layout.UnitsPerGroup;
                ref readonly GroupStatistics statistics = ref _backward.StatisticsOf(unit);
                Projection projection = _backward.Project(first, first % layout.CoefficientPeriod, statistics);
                _backward.Apply(unit, unit % layout.CoefficientPeriod, statistics, projection, layout.Unit[segment]);
            }
            if (_backward._isStreamed)
                Fence.Publish();
        }
    }
}
