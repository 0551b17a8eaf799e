using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
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
    private const int Most = Thresholds.BatchGroups;

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
        // Channels of all samples leave the first-level cache anyway; several at a time make fewer calls.
        nint batch = _operands->AreChannels ? Math.Max(_operands->GroupsAtOnce, Thresholds.RowsAtOnce) : _operands->GroupsAtOnce;
        for (nint index = start, last; index < end; index = last)
        {
            last = _operands->LastAlike(index, end);
            MaskedGroup group = _operands->Group(index);
            SampleWeight weight = _operands->WeightOf(group);
            if (!_operands->AreChannels && weight.Count > 0 && _operands->IsPrefix(group.FirstSample))
            {
                OfPrefix(group.FirstSample, index, last);
                continue;
            }
            for (nint first = index; first < last; first += batch)
                RunBatch(first, Math.Min(batch, last - first), weight);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>Groups of a sample whose first positions are valid: the pass without a mask, as far as they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void OfPrefix(nint sample, nint first, nint last)
    {
        Plan plan = _operands->Plan;
        nint unit = sample * plan.C, offset = unit * S, firstGroup = sample * plan.Groups, channels = plan.C / plan.Groups;
        long bytes = (long)plan.Elements * sizeof(T);
        GroupLayout layout = _operands->LayoutOf(sample);
        BackwardOperands<T> backward = new()
        {
            Input = _operands->Input + offset,
            OutputGradient = _operands->OutputGradient + offset,
            InputGradient = _operands->Output == null ? null : _operands->Output + offset,
            Weight = _operands->Weight,
            Statistics = _operands->Statistics + firstGroup,
            IsCentered = true,
        };
        GroupBackward<T, V, W>.RunPart(
            &layout, &backward, _operands->UnitSums + unit, Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T)),
            first - firstGroup, last - firstGroup, bytes);
        if (_operands->Output != null)
            ClearFrom(layout.Unit.Length, unit + ((first - firstGroup) * channels), (last - first) * channels);
    }

    /// <summary>Writes 0 past the length of neighboring slices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ClearFrom(nint length, nint unit, nint units)
    {
        for (nint i = unit; i < unit + units && _operands->ClearsInvalid && length < S; i++)
            new Span<T>(_operands->Output + (i * S) + length, (int)(S - length)).Clear();
    }

    /// <summary>Neighboring groups of the same samples.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunBatch(nint first, nint count, in SampleWeight weight)
    {
        MaskedGroup all = _operands->Group(first);
        nint channels = all.Channels, rows = count * channels;
        double* outputPivots = stackalloc double[Most];
        for (nint i = 0; i < count; i++)
            outputPivots[i] = _operands->OutputPivotOf(all.Next(i), weight);
        for (nint sample = all.FirstSample; sample < all.FirstSample + all.Samples && _operands->GivenSums == null; sample++)
        {
            for (nint row = 0; row < rows; row += Most)
            {
                AddUp(
                    sample, all.FirstChannel + row, Math.Min(Most, rows - row), row, channels, _operands->Statistics + first,
                    outputPivots);
            }
        }
        MaskedProjection<One>* gradients = stackalloc MaskedProjection<One>[Most];
        for (nint i = 0; i < count; i++)
        {
            MaskedGroup group = all.Next(i);
            GroupStatistics statistics = _operands->Statistics[first + i];
            if (_operands->IsNarrow && weight.Count > 0)
                Refine(group, first + i, weight, ref statistics);
            if (_operands->Output != null)
                gradients[i] = MaskedProjection<One>.Create<T>(statistics, Project(group, weight, outputPivots[i]));
        }
        if (_operands->Output == null)
            return;
        GradientAffine* affines = stackalloc GradientAffine[Most];
        nint* groups = stackalloc nint[Most];
        for (nint row = 0; row < rows; row += Most)
        {
            nint channel = all.FirstChannel + row, some = Math.Min(Most, rows - row);
            MaskedGroup.IndexRows(row, some, channels, groups);
            for (nint i = 0; i < some; i++)
                affines[i] = gradients[groups[i]].Weighted<T>(_operands->WeightOf(channel + i));
            for (nint sample = all.FirstSample; sample < all.FirstSample + all.Samples; sample++)
                Apply(sample, channel, some, affines);
        }
    }

    /// <summary>
    /// Σ (dy - pivot), Σ (dy - pivot) · x̂ and, where there is a pivot, Σ x̂ over the valid positions of some slices of a
    /// sample. They are the rows from <paramref name="row"/> on of groups with these statistics.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUp(nint sample, nint channel, nint rows, nint row, nint channels, GroupStatistics* statistics, double* outputPivots)
    {
        Sums* results = _operands->UnitSums + (sample * _operands->Plan.C) + channel;
        if (_operands->Samples[sample].Count == 0)
        {
            new Span<Sums>(results, (int)rows).Clear();
            return;
        }
        double* pivots = stackalloc double[Most], abouts = stackalloc double[Most];
        nint* groups = stackalloc nint[Most];
        MaskedGroup.IndexRows(row, rows, channels, groups);
        bool areAboutZero = true;
        for (nint i = 0; i < rows; i++)
        {
            pivots[i] = Element.Round<T>(statistics[groups[i]].Mean);
            abouts[i] = outputPivots[groups[i]];
            areAboutZero &= abouts[i] == 0;
        }
        MaskedRowSums<T, V, W>.Gradients(
            *_operands, _operands->OutputGradient, sample, channel, rows, _operands->IsNarrow, pivots, abouts, results);
        for (nint i = 0; i < rows; i++)
        {
            ref readonly GroupStatistics own = ref statistics[groups[i]];
            double r = own.InverseStandardDeviation, offset = GradientAffine.OffsetFromPivot<T>(own);
            double product = r * (results[i].Product - (offset * results[i].Sum));
            results[i] = new() { Sum = results[i].Sum, Product = product, Pivot = abouts[i] };
        }
        if (!areAboutZero)
            AddUpInputs(sample, channel, rows, statistics, groups, pivots, results);
    }

    /// <summary>
    /// Takes the mean again in double, where forward took it in float and a large part is common to all dy of a group.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Refine(in MaskedGroup group, nint index, in SampleWeight weight, ref GroupStatistics statistics)
    {
        double sum = 0;
        for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
        {
            for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
                sum += _operands->WeightOf(channel) * UnitSums(sample, channel).Sum;
        }
        // A NaN in one unit says nothing about the others.
        if (!double.IsFinite(sum) || _operands->ProductsOf(group, weight).AreSpread(sum / weight.Count))
            return;
        double low = new MaskedMoments<T, V, W>(_operands).SumsAbout(statistics.Mean, index).Sum / weight.Sum;
        double move = statistics.MoveMean(low);
        for (nint channel = group.FirstChannel; channel < group.FirstChannel + group.Channels; channel++)
        {
            for (nint sample = group.FirstSample; sample < group.FirstSample + group.Samples; sample++)
                UnitSums(sample, channel).Product -= statistics.InverseStandardDeviation * move * UnitSums(sample, channel).Sum;
        }
    }

    private ref Sums UnitSums(nint sample, nint channel) => ref _operands->UnitSums[(sample * _operands->Plan.C) + channel];

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void AddUpInputs(
        nint sample, nint channel, nint rows, GroupStatistics* statistics, nint* groups, double* pivots, Sums* results)
    {
        Sums* inputs = stackalloc Sums[Most];
        MaskedRowSums<T, V, W>.Gradients(*_operands, _operands->Input, sample, channel, rows, areNarrow: false, pivots, pivots, inputs);
        for (nint i = 0; i < rows; i++)
        {
            ref readonly GroupStatistics own = ref statistics[groups[i]];
            double offset = GradientAffine.OffsetFromPivot<T>(own);
            if (results[i].Pivot != 0)
                results[i].Input = own.InverseStandardDeviation * (inputs[i].Sum - (offset * _operands->Samples[sample].Count));
        }
    }

    /// <summary>From the sums of a group's slices to what dx takes of the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private MaskedSums<One> Project(in MaskedGroup group, in SampleWeight weight, double pivot)
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
                Sums sums = UnitSums(sample, channel);
                sum.Add(gamma * sums.Sum);
                product.Add(gamma * sums.Product);
                if (pivot != 0)
                    product.Add(gamma * (pivot * sums.Input));
            }
        }
        double total = _operands->GivenSums != null ? _operands->GivenWeight : weight.Sum;
        return new(sum.Value, product.Value, pivot, first + (excess / group.Channels), total, weight.Count);
    }

    /// <summary>The gradient of the input in some slices of a sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(nint sample, nint channel, nint rows, GradientAffine* affines)
    {
        nint start = ((sample * _operands->Plan.C) + channel) * S;
        nint length = _operands->Samples[sample].Count == 0 ? 0 : _operands->LengthOf(sample);
        MaskedRows<T> masked = new(
            _operands->Input + start, _operands->OutputGradient + start, _operands->MaskOf(sample), _operands->WeightsOf(sample), S,
            affines);
        Target<T> target = new(_operands->Output + start, length, _isStreamed, 0);
        for (nint first = 0, next; first < rows && length > 0; first = next)
        {
            bool isNarrow = affines[first].IsNarrow;
            for (next = first + 1; next < rows && affines[next].IsNarrow == isNarrow; next++)
            {
            }
            if (isNarrow)
                Run<V>(masked, first, next - first, target);
            else
                Run<W>(masked, first, next - first, target);
        }
        ClearFrom(length, (sample * _operands->Plan.C) + channel, rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Run<TVector>(in MaskedRows<T> rows, nint first, nint count, in Target<T> target)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        if (rows.Mask == null)
        {
            Map.Run<T, TVector, GradientRows<T>, GradientMap<T, TVector>, NoColumn>(
                new(rows.Input, rows.OutputGradient, S, rows.Affines, 1), first, count, areFour: false, target, S);
        }
        else if (rows.Weights == null)
        {
            Map.Run<T, TVector, MaskedRows<T>, MaskedGradientMap<T, TVector>, TVector>(
                rows, first, count, _operands->WritesFour, target, S);
        }
        else
        {
            Map.Run<T, TVector, MaskedRows<T>, WeightedRowGradientMap<T, TVector>, NoColumn>(rows, first, count, areFour: false, target, S);
        }
    }
}
