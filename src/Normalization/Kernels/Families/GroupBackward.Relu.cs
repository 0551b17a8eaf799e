using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>dy that goes back through ReLU on its way into the loops. The methods are apart, so that the others stay small.</content>
internal readonly unsafe partial struct GroupBackward<T, V, W>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private Sums SumsInDoubleBehindRelu(nint unit, in GroupStatistics statistics, in Segment segment)
    {
        nint offset = (unit * _layout->UnitStride) + segment.Offset;
        ReluGradientTerms<T, W> terms = new(
            _operands->Input + offset, _operands->OutputGradient + offset, Element.Round<T>(statistics.Mean),
            _operands->InputSigns[unit], _operands->LeastInputs[unit]);
        return Reduction.Run<T, W, ReluGradientTerms<T, W>>(terms, segment.Slices, segment.Length, _layout->Unit.Stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUpInFloatsBehindRelu(
        in GradientGroups<T, V, W> groups, nint first, nint units, in Segment segment, nint ahead, Sums* results) =>
        NarrowReduction.Run<T, V, W, ReluGradientGroups<T, V, W>, ReluGradientTerms<T, V>, ReluGradientTerms<T, W>, On>(
            new(groups, _operands->InputSigns + first, _operands->LeastInputs + first), units,
            segment.Slices, segment.Length, _layout->Unit.Stride, ahead, results);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ApplyBehindRelu(nint firstUnit, in GradientRows<T> rows, nint count, in Target<T> target)
    {
        ReluGradientRows<T> behind = new(rows, _operands->InputSigns + firstUnit, _operands->LeastInputs + firstUnit);
        ElementProgram.Run<T, V, W, ReluGradientProgram<T>>(new(in behind, in target), count);
    }

    /// <summary>dy at an element of a unit, or what ReLU leaves of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double Gradient(nint unit, nint element)
    {
        double gradient = Element.ToDouble(_operands->OutputGradient[element]);
        return _operands->LeastInputs == null ? gradient : BehindRelu(unit, element, gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private double BehindRelu(nint unit, nint element, double gradient) =>
        _operands->LeastInputs[unit] > Element.ToDouble(_operands->Input[element]) * _operands->InputSigns[unit] ? 0 : gradient;
}
