using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>The statistics of groups over their valid positions: Σ w · d and Σ w · d² of each slice, added in order.</summary>
internal readonly unsafe struct MaskedMoments<T, W>(MaskedOperands<T>* operands) : IJob
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly MaskedOperands<T>* _operands = operands;

    public static void Run(in MaskedOperands<T> operands)
    {
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            Partition.For(
                new MaskedMoments<T, W>(pOperands), operands.Groups, Partition.DegreeFor((long)operands.Plan.Elements * sizeof(T)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        for (nint index = start; index < end; index++)
        {
            MaskedGroup group = _operands->Group(index);
            SampleWeight weight = _operands->WeightOf(group);
            _operands->Statistics[index] = weight.Count == 0 ? default : Compute(group, weight);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public GroupStatistics Compute(in MaskedGroup group, in SampleWeight weight)
    {
        nint sample = group.FirstSample + (weight.First / _operands->Plan.S), position = weight.First % _operands->Plan.S;
        double first = Element.ToDouble(
            _operands->Input[(((sample * _operands->Plan.C) + group.FirstChannel) * _operands->Plan.S) + position]);
        GroupStatistics statistics = About(first, group, weight.Sum);
        // The first element may be an outlier: then the sums are taken again about the mean.
        if (!statistics.AreNear<T>(first) && double.IsFinite(statistics.Mean - first))
            statistics = About(Element.Round<T>(statistics.Mean), group, weight.Sum);
        return statistics;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private GroupStatistics About(double about, in MaskedGroup group, double weight)
    {
        TotalSums total = default;
        for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
        {
            nint length = _operands->LengthOf(sample);
            T* weights = _operands->WeightsOf(sample);
            if (_operands->Samples[sample].Count == 0)
                continue;
            for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
            {
                T* x = _operands->Input + (((sample * _operands->Plan.C) + channel) * _operands->Plan.S);
                for (nint i = 0; i < length; i += Thresholds.SegmentLength)
                {
                    nint count = Math.Min(Thresholds.SegmentLength, length - i);
                    total.Add(weights == null
                        ? Reduction.Run<T, W, MomentTerms<T, W, Plain<T>, On>>(new(new(x + i), about), 1, count, 0)
                        : Reduction.Run<T, W, WeightedMomentTerms<T, W>>(new(x + i, weights + i, about), 1, count, 0));
                }
            }
        }
        return GroupStatistics.FromSums(total.Value.Sum, total.Value.Product, about, weight, _operands->Epsilon);
    }
}
