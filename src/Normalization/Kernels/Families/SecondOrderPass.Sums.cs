using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>What is summed over a group or a unit.</content>
internal readonly unsafe partial struct SecondOrderPass<T, W>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private NormalizedElements<T, W> Input(nint offset, in GroupStatistics statistics) => new(_operands->Input + offset, statistics);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ProjectedElements<T, W> Elements(T* elements, nint offset, in ElementFactor<T, W> factor, in GroupProjection projection) =>
        new(elements == null ? null : elements + offset, factor, projection, IsProjected);

    /// <summary>The coefficients of a segment of a unit, or the same number for all where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ElementFactor<T, W> FactorOf(T* coefficients, nint unit, in Segment segment, double missing)
    {
        if (coefficients == null)
            return new(null, missing);
        nint coefficient = unit % _layout->CoefficientPeriod;
        return _layout->IsElementwise
            ? new(coefficients + (coefficient * _layout->Unit.Length) + segment.Offset, missing)
            : new(null, Element.ToDouble(coefficients[coefficient]));
    }

    /// <summary>m(u) and m(u · x̂) with u = elements · coefficients; zeros with fixed statistics, where P(u) is u.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private GroupProjection Project(nint group, in GroupStatistics statistics, T* elements, T* coefficients, double missing)
    {
        GroupProjection projection = default;
        if (elements == null || !IsProjected)
            return projection;
        double count = _layout->Group.Elements;
        if (_operands->IsCentered)
            projection.Mean = SlopeSums(group, statistics, elements, coefficients, missing, projection).Sum / count;
        // About the mean, a common part of the elements costs no digits.
        Sums sums = SlopeSums(group, statistics, elements, coefficients, missing, projection);
        projection.MeanLow = _operands->IsCentered ? sums.Sum / count : 0;
        projection.Slope = sums.Product / count;
        return projection;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private Sums SlopeSums(
        nint group, in GroupStatistics statistics, T* elements, T* coefficients, double missing, in GroupProjection projection)
    {
        TotalSums total = default;
        for (nint unit = group * _layout->UnitsPerGroup; unit < (group + 1) * _layout->UnitsPerGroup; unit++)
        {
            for (nint i = 0; i < _layout->Unit.Segments; i++)
            {
                Segment segment = _layout->Unit[i];
                nint offset = (unit * _layout->UnitStride) + segment.Offset;
                SlopeTerms<T, W> terms = new(
                    Input(offset, statistics), Elements(elements, offset, FactorOf(coefficients, unit, segment, missing), projection));
                total.Add(Reduction.Run<T, W, SlopeTerms<T, W>>(terms, segment.Slices, segment.Length, _layout->Unit.Stride));
            }
        }
        return total.Value;
    }

    /// <summary>Σ v · P(g), which is Σ (v - m(v)) · P(g).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private double ProductOf(nint group, in GroupStatistics statistics, in GroupProjection direction, in GroupProjection gradient)
    {
        TotalSums total = default;
        for (nint unit = group * _layout->UnitsPerGroup; unit < (group + 1) * _layout->UnitsPerGroup; unit++)
        {
            for (nint i = 0; i < _layout->Unit.Segments; i++)
            {
                Segment segment = _layout->Unit[i];
                nint offset = (unit * _layout->UnitStride) + segment.Offset;
                ProjectedElements<T, W> left = Elements(_operands->InputDirection, offset, new(null, 1), direction);
                ProjectedElements<T, W> right = Elements(
                    _operands->OutputGradient, offset, FactorOf(_operands->Weight, unit, segment, 1), gradient);
                ProductTerms<T, W> terms = new(Input(offset, statistics), left, right);
                total.Add(Reduction.Run<T, W, ProductTerms<T, W>>(terms, segment.Slices, segment.Length, _layout->Unit.Stride));
            }
        }
        return total.Value.Product;
    }

    /// <summary>Σ dy · r · P(v) of each unit of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void SumUnits(nint group, in GroupStatistics statistics, in GroupProjection direction)
    {
        // P(v) sums to zero over a whole group. There dy is taken about its mean, so that a common part of dy costs no digits.
        bool sumsToZero = IsProjected && _operands->IsCentered && _layout->UnitsPerGroup == 1;
        GroupProjection pivot = sumsToZero ? Project(group, statistics, _operands->OutputGradient, null, 1) with { Slope = 0 } : default;
        for (nint unit = group * _layout->UnitsPerGroup; unit < (group + 1) * _layout->UnitsPerGroup; unit++)
        {
            TotalSums total = default;
            for (nint i = 0; i < _layout->Unit.Segments; i++)
            {
                Segment segment = _layout->Unit[i];
                nint offset = (unit * _layout->UnitStride) + segment.Offset;
                ProductTerms<T, W> terms = new(
                    Input(offset, statistics), Elements(_operands->OutputGradient, offset, new(null, 1), pivot),
                    Elements(_operands->InputDirection, offset, new(null, 1), direction));
                total.Add(Reduction.Run<T, W, ProductTerms<T, W>>(terms, segment.Slices, segment.Length, _layout->Unit.Stride));
            }
            _products[unit] = statistics.InverseStandardDeviation * total.Value.Product;
        }
    }

    /// <summary>The sums of each coefficient, over its units or over the blocks of rows in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void SumProducts()
    {
        if (_operands->WeightGradient == null)
            return;
        nint coefficients = _layout->Coefficients;
        (nint parts, nint stride) = HasColumns ? (_blocks.Count, BlockStride) : (_layout->Units / coefficients, coefficients);
        for (nint i = 0; i < coefficients; i++)
        {
            CompensatedSum sum = default;
            for (nint part = 0; part < parts; part++)
                sum.Add(_products[(part * stride) + i]);
            _operands->WeightGradient[i] = sum.Value;
        }
    }
}
