using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Backward over slices, and over rows without weights: the sums of a group's units, then its input gradient.</summary>
internal readonly unsafe partial struct GroupBackward<T, V, W> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GroupLayout* _layout;
    private readonly BackwardOperands<T>* _operands;
    private readonly Sums* _unitSums;
    private readonly bool _isStreamed;
    private readonly bool _mayBeRefined;
    private readonly nint _ahead;

    private GroupBackward(GroupLayout* layout, BackwardOperands<T>* operands, Sums* unitSums, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _unitSums = unitSums;
        _isStreamed = isStreamed;
        _mayBeRefined = SumsToZero && Moments<T, V, W, Plain<T>>.IsNarrow(layout->Group, isCentered: true, isExact: false);
        _ahead = Thresholds.Ahead(layout->Elements * sizeof(T), layout->GroupStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in GroupLayout layout, in BackwardOperands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        bool isStreamed = Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T));
        using var scratch = new Scratch<Sums>(layout.Units);
        fixed (GroupLayout* pLayout = &layout)
        fixed (BackwardOperands<T>* pOperands = &operands)
        fixed (Sums* pooled = scratch.Span)
        {
            Sums* unitSums = operands.ChannelSums != null ? operands.ChannelSums : operands.GivenSums != null ? operands.GivenSums : pooled;
            var job = new GroupBackward<T, V, W>(pLayout, pOperands, unitSums, isStreamed);
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
            nint first = group * _layout->UnitsPerGroup, last = first + _layout->UnitsPerGroup;
            nint channel = first % _layout->CoefficientPeriod;
            ref readonly GroupStatistics statistics = ref _operands->Statistics[group % _layout->StatisticsPeriod];
            for (nint unit = first; unit < last && _operands->GivenSums == null; unit++)
            {
                TotalSums total = default;
                for (nint i = 0; i < _layout->Unit.Segments; i++)
                    total.Add(SegmentSums(unit, statistics, _layout->Unit[i]));
                _unitSums[unit] = AboutMean(unit, total.Value, statistics);
            }
            bool isRefined = _mayBeRefined && !AreSpread(group);
            GroupGradient gradient = isRefined ? Refine(group) : default;
            if (_operands->InputGradient == null)
                continue;
            if (!isRefined)
                gradient = Project(group, statistics);
            for (nint unit = first; unit < last; unit++, channel++)
            {
                for (nint i = 0; i < _layout->Unit.Segments; i++)
                    Apply(unit, channel, statistics, gradient, _layout->Unit[i]);
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    private ref GroupStatistics StatisticsOf(nint unit) =>
        ref _operands->Statistics[unit / _layout->UnitsPerGroup % _layout->StatisticsPeriod];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private GradientTerms<T, W> Terms(nint offset, in GroupStatistics statistics, double outputPivot) =>
        new(_operands->Input + offset, _operands->OutputGradient + offset, Element.Round<T>(statistics.Mean), outputPivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums SegmentSums(nint unit, in GroupStatistics statistics, in Segment segment) =>
        Reduction.Run<T, W, GradientTerms<T, W>>(
            Terms((unit * _layout->UnitStride) + segment.Offset, statistics, OutputPivotOf(unit)),
            segment.Slices, segment.Length, _layout->Unit.Stride);

    // x̂ does not sum to zero over the elements of one rank, nor about a given mean. There dy has no pivot.
    private bool SumsToZero =>
        _operands->IsCentered && !_operands->HasFixedStatistics && _operands->ChannelSums == null && _operands->GivenSums == null;

    /// <summary>What dy of a unit's group is taken about.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double OutputPivotOf(nint unit) => typeof(T) == typeof(float) || !SumsToZero
        ? 0
        : OutputPivot.Of(_operands->OutputGradient + (unit / _layout->UnitsPerGroup * _layout->GroupStride), _layout->Group);

    /// <summary>The sums of a unit about the mean, from those about the pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums AboutMean(nint unit, in Sums aboutPivot, in GroupStatistics statistics)
    {
        double offset = GradientAffine.OffsetFromPivot<T>(statistics), r = statistics.InverseStandardDeviation;
        Sums sums = new()
        {
            Sum = aboutPivot.Sum,
            Product = r * (aboutPivot.Product - (offset * aboutPivot.Sum)),
            Pivot = OutputPivotOf(unit),
        };
        return typeof(T) == typeof(float) ? sums : OfDoubles(unit, sums, statistics);
    }

    /// <summary>Whether three products of weight and dy say that no large part is common to all of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private bool AreSpread(nint group)
    {
        SliceSet set = _layout->Group;
        nint units = _layout->UnitsPerGroup, firstUnit = group * units, channel = firstUnit % _layout->CoefficientPeriod;
        T* dy = _operands->OutputGradient + (group * _layout->GroupStride);
        double sum = 0;
        for (nint i = 0; i < units; i++)
            sum += _operands->WeightOf<One>(channel + i) * _unitSums[firstUnit + i].Sum;
        nint middle = (set.Slices / 2 * set.Stride) + (set.Length / 2), last = ((set.Slices - 1) * set.Stride) + set.Length - 1;
        ProductSamples<One> samples = new(Product(dy, channel, 0), Product(dy, channel, middle), Product(dy, channel, last));
        // A NaN in one unit says nothing about the others.
        return !double.IsFinite(sum) || samples.AreSpread(sum / set.Elements);
    }

    /// <summary>
    /// What dx takes of a group whose dy have a large common part. The sums of its units get a mean without the error of sums in float. The
    /// statistics of the forward pass stay, so that the same call again has the same bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private GroupGradient Refine(nint group)
    {
        nint firstUnit = group * _layout->UnitsPerGroup;
        GroupStatistics refined = StatisticsOf(firstUnit);
        T* x = _operands->Input + (group * _layout->GroupStride);
        double move = Moments<T, V, W, Plain<T>>.RefineMean(new(x), _layout->Group, ref refined);
        for (nint i = firstUnit; i < firstUnit + _layout->UnitsPerGroup; i++)
            _unitSums[i].Product -= refined.InverseStandardDeviation * move * _unitSums[i].Sum;
        return _operands->InputGradient == null ? default : Project(group, refined);
    }

    /// <summary>weight · dy of one element of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private One Product(T* dy, nint firstChannel, nint element)
    {
        nint unit = _layout->UnitsPerGroup == 1 ? 0 : element / _layout->UnitStride;
        return _operands->WeightOf<One>(firstChannel + unit) * Element.ToDouble(dy[element]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private Sums OfDoubles(nint unit, Sums sums, in GroupStatistics statistics)
    {
        if (sums.Pivot != 0 && _layout->UnitsPerGroup > 1)
        {
            T* x = _operands->Input + (unit * _layout->UnitStride);
            double aboutMean = Moments<T, V, W, Plain<T>>.SumsAbout(new(x), _layout->Unit, statistics.Mean).Sum;
            double input = aboutMean - (statistics.MeanLow * _layout->Unit.Elements);
            sums.Input = statistics.InverseStandardDeviation * input;
        }
        bool areZero = sums.AreZero;
        if (!areZero && sums.AreInRange(statistics, 1))
            return sums;
        HardGroup group = Hard(unit, 1, statistics);
        return areZero && group.IsZero() ? sums : group.Sums();
    }

    private HardGroup Hard(nint firstUnit, nint units, in GroupStatistics statistics) => new()
    {
        Input = (double*)(_operands->Input + (firstUnit * _layout->UnitStride)),
        OutputGradient = (double*)(_operands->OutputGradient + (firstUnit * _layout->UnitStride)),
        Weight = _operands->Weight == null ? null : (double*)(_operands->Weight + (firstUnit % _layout->CoefficientPeriod)),
        Units = units,
        UnitStride = _layout->UnitStride,
        Unit = _layout->Unit,
        Statistics = statistics,
        IsCentered = SumsToZero && units == _layout->UnitsPerGroup,
    };

    /// <summary>From the sums of a group's units to what dx takes of the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private GroupGradient Project(nint group, in GroupStatistics statistics)
    {
        nint firstUnit = group * _layout->UnitsPerGroup, firstChannel = firstUnit % _layout->CoefficientPeriod;
        double first = _operands->WeightOf<One>(firstChannel), pivot = _unitSums[firstUnit].Pivot;
        double sum = 0, product = 0, excess = 0, input = 0;
        bool areInRange = true;
        for (nint i = 0; i < _layout->UnitsPerGroup; i++)
        {
            double weight = _operands->WeightOf<One>(firstChannel + i);
            ref readonly Sums sums = ref _unitSums[firstUnit + i];
            sum += weight * sums.Sum;
            product += weight * sums.Product;
            if (typeof(T) == typeof(float))
                continue;
            excess += weight - first;
            input += (weight - first) * sums.Input;
            areInRange &= sums.AreInRange(statistics, weight);
        }
        double count = _operands->CountOf(_layout->Group.Elements);
        if (typeof(T) == typeof(double) && !areInRange && !_operands->HasFixedStatistics)
        {
            HardGroup hard = Hard(firstUnit, _layout->UnitsPerGroup, statistics);
            return new()
            {
                IsHard = true,
                Hard = _operands->GivenSums != null ? hard.Gradient(_unitSums[firstUnit], count) : hard.Gradient(),
            };
        }
        ProjectionSums<One> total = new()
        {
            Sum = sum,
            Product = typeof(T) == typeof(float) ? product : product + (pivot * input),
            Pivot = pivot,
            Weight = first,
            WeightExcess = excess / _layout->UnitsPerGroup,
        };
        return new() { Projection = Projection.Create<T>(statistics, total, count, _operands->IsCentered) };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(nint unit, nint channel, in GroupStatistics statistics, in GroupGradient gradient, in Segment segment)
    {
        nint offset = (unit * _layout->UnitStride) + segment.Offset;
        double weight = _operands->WeightOf<One>(channel);
        Target<T> target = Target(offset, segment.Length);
        if (_operands->HasFixedStatistics)
        {
            GroupStatistics uncentered = statistics.Uncentered;
            var scale = Affine.Create<T>(uncentered, weight, 0);
            AffineRows<T, Plain<T>, Identity<T>, Affine> slices = new(
                new(_operands->OutputGradient + offset), default, _layout->Unit.Stride, &scale);
            ElementProgram.Run<T, V, W, AffineProgram<T, Plain<T>, Identity<T>>>(
                new(in slices, segment.Slices, in uncentered, weight, 0, in target), 1);
            return;
        }
        GradientAffine affine = typeof(T) == typeof(double) && gradient.IsHard
            ? GradientAffine.OfHard(gradient.Hard)
            : gradient.Projection.Weighted<T>(weight);
        GradientRows<T> rows = new(_operands->Input + offset, _operands->OutputGradient + offset, _layout->Unit.Stride, &affine);
        ElementProgram.Run<T, V, W, GradientProgram<T>>(new(in rows, segment.Slices, in statistics, weight, in target), 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Target<T> Target(nint offset, nint length) => new(_operands->InputGradient + offset, length, _isStreamed, _ahead);

    /// <summary>dβ = Σ dy and dγ = Σ dy · x̂ of each channel, its units in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddParameterGradients()
    {
        if (_operands->WeightGradient == null && _operands->BiasGradient == null)
            return;
        nint units = _layout->Units;
        for (nint channel = 0; channel < _layout->CoefficientPeriod; channel++)
        {
            CompensatedSum weightGradient = default, biasGradient = default;
            for (nint unit = channel; unit < units; unit += _layout->CoefficientPeriod)
            {
                Sums plain = _unitSums[unit].AboutZero(_layout->Unit.Elements);
                weightGradient.Add(plain.Product);
                biasGradient.Add(plain.Sum);
            }
            _operands->AddParameterGradients<One>(channel, weightGradient.Value, biasGradient.Value);
        }
    }

    /// <summary>What dx takes of a group.</summary>
    private readonly struct GroupGradient
    {
        public Projection Projection { get; init; }

        public bool IsHard { get; init; }

        public HardGradient Hard { get; init; }
    }
}
