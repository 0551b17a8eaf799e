using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// The statistics of groups over their valid positions: Σ w · d and Σ w · d² of each slice, added in order. Several groups are taken
/// at a time; each has the bits that it has alone.
/// </summary>
internal readonly unsafe struct MaskedMoments<T, V, W>(MaskedOperands<T>* operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private const int Most = Thresholds.BatchGroups;

    private readonly MaskedOperands<T>* _operands = operands;

    public static void Run(in MaskedOperands<T> operands)
    {
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            Partition.For(
                new MaskedMoments<T, V, W>(pOperands), operands.Groups, Partition.DegreeFor((long)operands.Plan.Elements * sizeof(T)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        for (nint index = start, last; index < end; index = last)
        {
            last = _operands->LastAlike(index, end);
            MaskedGroup group = _operands->Group(index);
            SampleWeight weight = _operands->WeightOf(group);
            if (weight.Count == 0)
                new Span<GroupStatistics>(_operands->Statistics + index, (int)(last - index)).Clear();
            else if (!_operands->AreChannels && _operands->IsPrefix(group.FirstSample))
                OfPrefix(group.FirstSample, index, last);
            else
                Compute(index, last, weight);
        }
    }

    /// <summary>The statistics that a forward pass over the first positions of a sample takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void OfPrefix(nint sample, nint first, nint last)
    {
        Plan plan = _operands->Plan;
        GroupLayout layout = _operands->LayoutOf(sample);
        ForwardOperands<T> forward = new()
        {
            Statistics = _operands->Statistics + (sample * plan.Groups),
            Epsilon = _operands->Epsilon,
            IsCentered = true,
        };
        GroupForward<T, V, W, Plain<T>, Identity<T>>.RunPart(
            &layout, &forward, new(_operands->Input + (sample * plan.C * plan.S)), default, isStreamed: false,
            first - (sample * plan.Groups), last - (sample * plan.Groups));
    }

    /// <summary>Groups whose elements weigh the same together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Compute(nint start, nint end, in SampleWeight weight)
    {
        Sums* sums = stackalloc Sums[Most];
        // No step follows that would find channels of all samples in the first-level cache.
        nint batch = _operands->AreChannels ? Most : _operands->GroupsAtOnce;
        bool areNarrow = _operands->IsNarrow;
        for (nint first = start; first < end; first += batch)
        {
            nint count = Math.Min(batch, end - first);
            MaskedGroup group = _operands->Group(first);
            T* elements = ElementOf(group, weight.First, 0), last = ElementOf(group, weight.Last, group.Channels - 1);
            for (nint i = 0; i < count; i++)
            {
                nint place = i * group.Channels * _operands->Plan.S;
                double pivot = Element.ToDouble(elements[place]);
                // The mean of two elements, as a float, lies nearer to the mean of all.
                sums[i].Pivot = areNarrow ? Element.Round<T>((pivot + Element.ToDouble(last[place])) / 2) : pivot;
            }
            AddUp(first, count, areNarrow, sums);
            Lanes.Run(new Finishing(this, first, sums, in weight), 0, count);
        }
    }

    /// <summary>The statistics of one group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public GroupStatistics Compute(nint index, in SampleWeight weight)
    {
        double first = Element.ToDouble(*ElementOf(_operands->Group(index), weight.First, 0));
        GroupStatistics statistics = About(first, index, weight.Sum);
        // The first element may be an outlier: then the sums are taken again about the mean.
        if (!statistics.AreNear<T>(first) && double.IsFinite(statistics.Mean - first))
            statistics = About(Element.Round<T>(statistics.Mean), index, weight.Sum);
        return statistics;
    }

    private GroupStatistics About(double about, nint index, double weight)
    {
        Sums sums = SumsAbout(about, index);
        return GroupStatistics.FromSums(sums.Sum, sums.Product, about, weight, _operands->Epsilon);
    }

    /// <summary>The sums of one group in double.</summary>
    public Sums SumsAbout(double about, nint index)
    {
        Sums sums = new() { Pivot = about };
        AddUp(index, 1, areNarrow: false, &sums);
        return sums;
    }

    private T* ElementOf(in MaskedGroup group, nint place, nint channel)
    {
        nint sample = group.FirstSample + (place / _operands->Plan.S), position = place % _operands->Plan.S;
        return _operands->Input + (((sample * _operands->Plan.C) + group.FirstChannel + channel) * _operands->Plan.S) + position;
    }

    /// <summary>The sums of neighboring groups, each about the pivot that is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUp(nint first, nint count, bool areNarrow, Sums* sums)
    {
        MaskedGroup group = _operands->Group(first);
        Sums* results = stackalloc Sums[Most];
        double* pivots = stackalloc double[Most];
        nint* groups = stackalloc nint[Most];
        TotalSums* totals = stackalloc TotalSums[Most];
        new Span<TotalSums>(totals, Most).Clear();
        nint channels = group.Channels;
        for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
        {
            if (_operands->Samples[sample].Count == 0)
                continue;
            for (nint row = 0, rows; row < count * channels; row += rows)
            {
                rows = Math.Min(Most, (count * channels) - row);
                MaskedGroup.IndexRows(row, rows, channels, groups);
                for (nint i = 0; i < rows; i++)
                    pivots[i] = sums[groups[i]].Pivot;
                MaskedRowSums<T, V, W>.Moments(*_operands, sample, group.FirstChannel + row, rows, areNarrow, pivots, results);
                for (nint i = 0; i < rows; i++)
                    totals[groups[i]].Add(results[i]);
            }
        }
        for (nint i = 0; i < count; i++)
            sums[i] = totals[i].Value with { Pivot = sums[i].Pivot };
    }

    private readonly ref struct Finishing(
        MaskedMoments<T, V, W> moments, nint first, Sums* sums, ref readonly SampleWeight weight) : ILaneJob
    {
        private readonly MaskedMoments<T, V, W> _moments = moments;
        private readonly nint _first = first;
        private readonly Sums* _sums = sums;
        private readonly ref readonly SampleWeight _weight = ref weight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            double* sums = (double*)(_sums + index);
            nint step = sizeof(Sums) / sizeof(double);
            TLanes about = TLanes.Gather(sums + 2, step);
            var statistics = GroupStatistics<TLanes>.FromSums(
                TLanes.Gather(sums, step), TLanes.Gather(sums + 1, step), about, _weight.Sum, _moments._operands->Epsilon);
            // In double where floats were not enough, or the pivot was an outlier.
            bool areNear = _moments._operands->IsNarrow
                ? statistics.HoldInFloats(_moments._operands->Epsilon) && statistics.AreNearInFloats(about)
                : statistics.AreNear<T>(about);
            if (areNear)
                statistics.Store(_moments._operands->Statistics + _first + index);
            else if (TLanes.Count == 1)
                _moments._operands->Statistics[_first + index] = _moments.Compute(_first + index, _weight);
            return areNear || TLanes.Count == 1;
        }
    }
}
