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
    private const int UnitsAtOnce = 8;

    private readonly GroupLayout* _layout;
    private readonly BackwardOperands<T>* _operands;
    private readonly Sums* _unitSums;
    private readonly bool _isStreamed;
    private readonly bool _mayBeRefined;
    private readonly bool _isNarrow;
    private readonly nint _ahead;

    private GroupBackward(GroupLayout* layout, BackwardOperands<T>* operands, Sums* unitSums, bool isStreamed, long bytes)
    {
        _layout = layout;
        _operands = operands;
        _unitSums = unitSums;
        _isStreamed = isStreamed;
        _mayBeRefined = SumsToZero && Moments<T, V, W, Plain<T>>.IsNarrow(layout->Group, isCentered: true, isExact: false);
        // The sums of one short unit alone cost more in float at their beginning and end.
        _isNarrow = _mayBeRefined && layout->Unit.Length >= NarrowReduction.BlockLength
            && (layout->UnitsPerGroup > 1 || layout->Unit.Elements >= Thresholds.ShortestNarrowGroup);
        _ahead = Thresholds.Ahead(bytes, layout->GroupStride);
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
            var job = new GroupBackward<T, V, W>(pLayout, pOperands, unitSums, isStreamed, bytes);
            if (degree == 1 || layout.Groups >= degree * Thresholds.ChunksPerThread)
                Partition.For(job, layout.Groups, degree);
            else
                job.RunSplit(degree);
            job.AddParameterGradients();
        }
    }

    /// <summary>Some groups of one sample of a batch of so many bytes, on this thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void RunPart(
        GroupLayout* layout, BackwardOperands<T>* operands, Sums* unitSums, bool isStreamed, nint first, nint last, long bytes) =>
        new GroupBackward<T, V, W>(layout, operands, unitSums, isStreamed, bytes).Run(first, last);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        for (nint group = start; group < end; group++)
        {
            nint first = group * _layout->UnitsPerGroup, last = first + _layout->UnitsPerGroup;
            nint channel = first % _layout->CoefficientPeriod;
            ref readonly GroupStatistics statistics = ref _operands->Statistics[group % _layout->StatisticsPeriod];
            if (_operands->GivenSums == null)
                AddUp(first, last, statistics);
            bool isRefined = _mayBeRefined && !AreSpread(group);
            GroupGradient gradient = isRefined ? Refine(group) : default;
            if (_operands->InputGradient == null)
                continue;
            if (!isRefined)
                gradient = Project(group, statistics);
            for (nint unit = first, count; unit < last; unit += count, channel += count)
            {
                count = _layout->Unit.Segments == 1 ? Math.Min(UnitsAtOnce, last - unit) : 1;
                for (nint i = 0; i < _layout->Unit.Segments; i++)
                    Apply(unit, count, channel, statistics, gradient, _layout->Unit[i]);
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    private ref GroupStatistics StatisticsOf(nint unit) =>
        ref _operands->Statistics[unit / _layout->UnitsPerGroup % _layout->StatisticsPeriod];

    /// <summary>Whether three products of weight and dy say that no large part is common to all of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private bool AreSpread(nint group)
    {
        SliceSet set = _layout->Group;
        nint units = _layout->UnitsPerGroup, firstUnit = group * units, channel = firstUnit % _layout->CoefficientPeriod;
        double sum = 0;
        for (nint i = 0; i < units; i++)
            sum += _operands->WeightOf<One>(channel + i) * _unitSums[firstUnit + i].Sum;
        nint middle = (set.Slices / 2 * set.Stride) + (set.Length / 2), last = ((set.Slices - 1) * set.Stride) + set.Length - 1;
        ProductSamples<One> samples = new(Product(group, channel, 0), Product(group, channel, middle), Product(group, channel, last));
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
    private One Product(nint group, nint firstChannel, nint element)
    {
        nint unit = _layout->UnitsPerGroup == 1 ? 0 : element / _layout->UnitStride;
        return _operands->WeightOf<One>(firstChannel + unit)
            * Gradient((group * _layout->UnitsPerGroup) + unit, (group * _layout->GroupStride) + element);
    }

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

    /// <summary>The input gradients of a segment of one unit, or of neighboring units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(
        nint firstUnit, nint units, nint channel, in GroupStatistics statistics, in GroupGradient gradient, in Segment segment)
    {
        nint offset = (firstUnit * _layout->UnitStride) + segment.Offset;
        if (_operands->HasFixedStatistics)
        {
            for (nint i = 0; i < units; i++)
                Scale(offset + (i * _layout->UnitStride), channel + i, statistics, segment);
            return;
        }
        double* weights = stackalloc double[UnitsAtOnce];
        GradientAffine* affines = stackalloc GradientAffine[UnitsAtOnce];
        for (nint i = 0; i < units; i++)
        {
            weights[i] = _operands->WeightOf<One>(channel + i);
            affines[i] = typeof(T) == typeof(double) && gradient.IsHard
                ? GradientAffine.OfHard(gradient.Hard)
                : gradient.Projection.Weighted<T>(weights[i]);
        }
        Target<T> target = Target(offset, segment.Length);
        // A unit of several slices is the only one of its group.
        bool areSlices = segment.Slices > 1;
        GradientRows<T> rows = new(
            _operands->Input + offset, _operands->OutputGradient + offset, areSlices ? _layout->Unit.Stride : _layout->UnitStride,
            affines, step: areSlices ? 0 : 1);
        nint count = areSlices ? segment.Slices : units;
        if (_operands->LeastInputs != null)
            ApplyBehindRelu(firstUnit, rows, count, target);
        else
            ElementProgram.Run<T, V, W, GradientProgram<T>>(new(in rows, in statistics, weights, in target), count);
    }

    /// <summary>The input gradient of a segment where the statistics do not depend on x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Scale(nint offset, nint channel, in GroupStatistics statistics, in Segment segment)
    {
        double weight = _operands->WeightOf<One>(channel);
        Target<T> target = Target(offset, segment.Length);
        GroupStatistics uncentered = statistics.Uncentered;
        var scale = Affine.Create<T>(uncentered, weight, 0);
        AffineRows<T, Plain<T>, Identity<T>, Affine> slices = new(
            new(_operands->OutputGradient + offset), default, _layout->Unit.Stride, &scale);
        ElementProgram.Run<T, V, W, AffineProgram<T, Plain<T>, Identity<T>>>(
            new(in slices, segment.Slices, in uncentered, weight, 0, in target), 1);
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
