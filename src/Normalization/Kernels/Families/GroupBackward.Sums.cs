using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>The sums of the units: those of floats in float, and in double where float is not enough.</content>
internal readonly unsafe partial struct GroupBackward<T, V, W>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private GradientTerms<T, W> Terms(nint offset, in GroupStatistics statistics, double outputPivot) =>
        new(_operands->Input + offset, _operands->OutputGradient + offset, Element.Round<T>(statistics.Mean), outputPivot);

    /// <summary>The sums of the units of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUp(nint first, nint last, in GroupStatistics statistics)
    {
        SliceSet set = _layout->Unit;
        if (set.Segments > 1)
        {
            AddUpSegments(first, last, statistics);
            return;
        }
        Segment all = set[0];
        if (_isNarrow)
            AddUpInFloats(first, last - first, all, statistics, _unitSums + first);
        for (nint unit = first; unit < last; unit++)
        {
            Sums sums = _isNarrow && FloatsHold(unit, all, _unitSums[unit]) ? _unitSums[unit] : SumsInDouble(unit, statistics, all);
            _unitSums[unit] = AboutMean(unit, sums, statistics);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUpSegments(nint first, nint last, in GroupStatistics statistics)
    {
        for (nint unit = first; unit < last; unit++)
        {
            TotalSums total = default;
            for (nint i = 0; i < _layout->Unit.Segments; i++)
                total.Add(SegmentSums(unit, statistics, _layout->Unit[i]));
            _unitSums[unit] = AboutMean(unit, total.Value, statistics);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums SegmentSums(nint unit, in GroupStatistics statistics, in Segment segment)
    {
        if (_isNarrow)
        {
            Sums sums;
            AddUpInFloats(unit, 1, segment, statistics, &sums);
            if (FloatsHold(unit, segment, sums))
                return sums;
        }
        return SumsInDouble(unit, statistics, segment);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums SumsInDouble(nint unit, in GroupStatistics statistics, in Segment segment) =>
        _operands->LeastInputs != null
            ? SumsInDoubleBehindRelu(unit, statistics, segment)
            : Reduction.Run<T, W, GradientTerms<T, W>>(
                Terms((unit * _layout->UnitStride) + segment.Offset, statistics, OutputPivotOf(unit)),
                segment.Slices, segment.Length, _layout->Unit.Stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddUpInFloats(nint first, nint units, in Segment segment, in GroupStatistics statistics, Sums* results)
    {
        nint offset = (first * _layout->UnitStride) + segment.Offset;
        GradientGroups<T, V, W> groups = new(
            _operands->Input + offset, _operands->OutputGradient + offset, _layout->UnitStride, Element.Round<T>(statistics.Mean));
        nint ahead = HasShortSlices(segment) ? _layout->Unit.Stride : 0;
        if (_operands->LeastInputs != null)
        {
            AddUpInFloatsBehindRelu(groups, first, units, segment, ahead, results);
            return;
        }
        NarrowReduction.Run<T, V, W, GradientGroups<T, V, W>, GradientTerms<T, V>, GradientTerms<T, W>, On>(
            groups, units, segment.Slices, segment.Length, _layout->Unit.Stride, ahead, results);
    }

    /// <summary>Whether it pays to prefetch the next slice. The hardware prefetches most of a long one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasShortSlices(in Segment segment) => segment.Slices > 1 && segment.Length < Thresholds.SegmentLength / 4;

    /// <summary>Whether floats hold the products, and no large part of dy is common to all of a segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool FloatsHold(nint unit, in Segment segment, in Sums sums)
    {
        nint first = (unit * _layout->UnitStride) + segment.Offset, slices = segment.Slices, length = segment.Length;
        nint stride = _layout->Unit.Stride, middle = (slices / 2 * stride) + (length / 2), last = ((slices - 1) * stride) + length - 1;
        ProductSamples<One> samples = new(Gradient(unit, first), Gradient(unit, first + middle), Gradient(unit, first + last));
        return NumericRange.HoldsProducts<One>(Math.Abs(sums.Product)) && samples.AreSpread(sums.Sum / (slices * length));
    }

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
}
