using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward over the valid positions, group by group: the sums of each channel of each sample, and then the gradient of the input, unless
/// it has no memory: dx = r · (g - w / W · (Σ g + x̂ · Σ g · x̂)).
/// </summary>
internal readonly unsafe struct MaskedBackward<T, V, W>(MaskedOperands<T>* operands, bool isStreamed) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly MaskedOperands<T>* _operands = operands;
    private readonly bool _isStreamed = isStreamed;

    private nint S => _operands->Plan.S;

    public static void Run(in MaskedOperands<T> operands)
    {
        long bytes = (long)operands.Plan.Elements * sizeof(T);
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            bool isStreamed = operands.Output != null && Thresholds.IsStreamed(3 * bytes, operands.Plan.S * sizeof(T));
            Partition.For(new MaskedBackward<T, V, W>(pOperands, isStreamed), operands.Groups, Partition.DegreeFor(bytes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        for (nint index = start; index < end; index++)
        {
            MaskedGroup group = _operands->Group(index);
            GroupStatistics statistics = _operands->Statistics[index];
            SampleWeight weight = _operands->WeightOf(group);
            double pivot = _operands->OutputPivotOf(group, weight);
            for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples && _operands->GivenSums == null; sample++)
            {
                for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
                {
                    nint unit = (sample * _operands->Plan.C) + channel;
                    _operands->UnitSums[unit] = SumsOf(unit, sample, statistics, pivot);
                }
            }
            if (_operands->Output == null)
                continue;
            var gradient = MaskedProjection.Create<T>(statistics, Project(group, weight, pivot));
            for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
            {
                for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
                    Apply((sample * _operands->Plan.C) + channel, sample, gradient.Weighted<T>(_operands->WeightOf(channel)));
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>
    /// Σ (dy - pivot), Σ (dy - pivot) · x̂ and, where there is a pivot, Σ x̂ over the valid positions of one slice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private Sums SumsOf(nint unit, nint sample, in GroupStatistics statistics, double outputPivot)
    {
        if (_operands->Samples[sample].Count == 0)
            return default;
        T* x = _operands->Input + (unit * S), dy = _operands->OutputGradient + (unit * S);
        double pivot = Element.Round<T>(statistics.Mean), offset = GradientAffine.OffsetFromPivot<T>(statistics);
        double r = statistics.InverseStandardDeviation;
        Sums sums = Total(x, dy, sample, pivot, outputPivot);
        double product = r * (sums.Product - (offset * sums.Sum)), input = 0;
        if (outputPivot != 0)
            input = r * (Total(x, x, sample, pivot, pivot).Sum - (offset * _operands->Samples[sample].Count));
        return new() { Sum = sums.Sum, Product = product, Pivot = outputPivot, Input = input };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private Sums Total(T* x, T* dy, nint sample, double pivot, double outputPivot)
    {
        TotalSums total = default;
        nint length = _operands->LengthOf(sample);
        T* weights = _operands->WeightsOf(sample);
        for (nint i = 0; i < length; i += Thresholds.SegmentLength)
        {
            nint count = Math.Min(Thresholds.SegmentLength, length - i);
            total.Add(weights == null
                ? Reduction.Run<T, W, GradientTerms<T, W>>(new(x + i, dy + i, pivot, outputPivot), 1, count, 0)
                : Reduction.Run<T, W, MaskedGradientTerms<T, W>>(new(x + i, dy + i, weights + i, pivot, outputPivot), 1, count, 0));
        }
        return total.Value;
    }

    /// <summary>From the sums of a group's slices to what dx takes of the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private MaskedSums Project(in MaskedGroup group, in SampleWeight weight, double pivot)
    {
        CompensatedSum sum = default, product = default;
        double first = _operands->WeightOf(group.FirstChannel), excess = 0;
        for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
        {
            double gamma = _operands->WeightOf(channel);
            excess += gamma - first;
            if (_operands->GivenSums != null)
            {
                sum.Add(gamma * _operands->GivenSums[channel].Sum);
                product.Add(gamma * _operands->GivenSums[channel].Product);
                continue;
            }
            for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
            {
                Sums sums = _operands->UnitSums[(sample * _operands->Plan.C) + channel];
                sum.Add(gamma * sums.Sum);
                product.Add(gamma * sums.Product);
                product.Add(gamma * (pivot * sums.Input));
            }
        }
        double total = _operands->GivenSums != null ? _operands->GivenWeight : weight.Sum;
        return new(sum.Value, product.Value, pivot, first + (excess / group.Channels), total, weight.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(nint unit, nint sample, GradientAffine affine)
    {
        nint start = unit * S, length = _operands->Samples[sample].Count == 0 ? 0 : _operands->LengthOf(sample);
        T* weights = _operands->WeightsOf(sample);
        for (nint i = 0; i < length; i += Thresholds.SegmentLength)
        {
            nint offset = start + i;
            Target<T> target = new(_operands->Output + offset, Math.Min(Thresholds.SegmentLength, length - i), _isStreamed, 0);
            MaskedRow<T> row = new(_operands->Input + offset, _operands->OutputGradient + offset, weights + i, &affine);
            if (weights == null && affine.IsNarrow)
                RunPlain<V>(row, target);
            else if (weights == null)
                RunPlain<W>(row, target);
            else if (affine.IsNarrow)
                Map.Run<T, V, MaskedRow<T>, MaskedGradientMap<T, V>, NoColumn>(row, 0, 1, areFour: false, target, 0);
            else
                Map.Run<T, W, MaskedRow<T>, MaskedGradientMap<T, W>, NoColumn>(row, 0, 1, areFour: false, target, 0);
        }
        if (_operands->ClearsInvalid && length < S)
            new Span<T>(_operands->Output + start + length, (int)(S - length)).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RunPlain<TVector>(in MaskedRow<T> row, in Target<T> target) where TVector : unmanaged, ISimd<TVector, T> =>
        Map.Run<T, TVector, GradientRows<T>, GradientMap<T, TVector>, NoColumn>(
            new(row.Input, row.OutputGradient, 0, row.Affine, 0), 0, 1, areFour: false, target, 0);
}
