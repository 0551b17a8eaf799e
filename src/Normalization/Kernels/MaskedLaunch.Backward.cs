using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <content>Backward through whole passes.</content>
internal static unsafe partial class MaskedLaunch
{
    /// <summary>How many sums a pass has: one of each channel of each sample, or of each channel where a pass runs down columns.</summary>
    public static nint SumCount(in Plan plan) => AreColumns(plan) ? plan.C : plan.N * plan.C;

    /// <summary>
    /// The gradients of what follows the norm, the gradient of the input, to which that of the sum is added, and one more term in the
    /// gradients of the parameters.
    /// </summary>
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients,
        ReadOnlySpan<T> sumGradient,
        in ValidPositions<T> positions,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        if (positions.AreAll(plan))
        {
            FusedLaunch.Backward(
                plan, x, dy, weight, bias, epsilon, statistics, hasFixedStatistics, terms, gradients, sumGradient, dx, weightGradient,
                biasGradient);
            return;
        }
        using var scratch = new Scratch<T>(terms.ChangesGradient ? dy.Length : 0);
        dy = EpilogueBackward(plan, x, dy, weight, bias, epsilon, statistics, terms, gradients, positions, scratch.Span);
        // The kernels of lengths write nothing past the lengths; those of masks, and what brings the channels last, write everywhere.
        bool keeps = positions.Mask.IsEmpty && !statistics.IsEmpty && plan.Order == MemoryOrder.ChannelsFirst;
        bool isApart = sumGradient.IsEmpty && (!positions.KeepsInvalid || keeps);
        using Scratch<T> pooled = isApart ? default : new(dx.Length);
        Span<T> result = isApart ? dx : pooled.Span;
        ValidPositions<T> written = positions with { KeepsInvalid = positions.KeepsInvalid && isApart };
        if (statistics.IsEmpty)
        {
            result.Clear();
        }
        else
        {
            using var sums = new Scratch<Sums>(SumCount(plan));
            bool hasParameters = !weightGradient.IsEmpty || !biasGradient.IsEmpty;
            Gradient(plan, x, dy, weight, statistics, hasFixedStatistics, written, hasParameters, sums.Span, default, 0, result);
            AddParameterGradients(plan, positions, sums.Span, weightGradient, biasGradient);
        }
        Finish(plan, result, sumGradient, positions, dx);
    }

    /// <summary>
    /// The gradient of what the norm gives; at positions that are not valid it may be anything, as dy may.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static ReadOnlySpan<T> EpilogueBackward<T>(
        scoped in Plan plan,
        scoped ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        scoped ReadOnlySpan<T> weight,
        scoped ReadOnlySpan<T> bias,
        double epsilon,
        scoped Span<GroupStatistics> statistics,
        scoped in FusedTerms<T> terms,
        scoped in FusedGradients<T> gradients,
        scoped in ValidPositions<T> positions,
        Span<T> gradient)
        where T : unmanaged
    {
        if (statistics.IsEmpty || !terms.ChangesGradient)
        {
            if (!gradients.Skip.IsEmpty)
            {
                dy.CopyTo(gradients.Skip);
                positions.ClearInvalid(plan, gradients.Skip);
            }
            gradients.Scale.Clear();
            gradients.Shift.Clear();
            return dy;
        }
        if (!terms.IsModulated)
        {
            // Each element goes back by itself, and the passes with a mask do not read those of the other positions.
            dy = FusedLaunch.EpilogueBackward(plan, x, dy, weight, bias, epsilon, statistics, terms, gradients, gradient);
            if (!gradients.Skip.IsEmpty)
                positions.ClearInvalid(plan, gradients.Skip);
            return dy;
        }
        // The gradients of scales and shifts are sums over all positions: with a gradient of 0 at finite values, the others add nothing.
        using Scratch<T> input = new(x.Length), skip = new(terms.Skip.Length);
        FillMeans(plan, statistics, input.Span);
        positions.CopyValid(plan, x, input.Span);
        positions.CopyAndClear(plan, dy, gradient);
        if (!terms.Skip.IsEmpty)
            positions.CopyAndClear(plan, terms.Skip, skip.Span);
        FusedTerms<T> clean = terms with { Skip = skip.Span };
        ReadOnlySpan<T> back = FusedLaunch.EpilogueBackward(
            plan, input.Span, gradient, weight, bias, epsilon, statistics, clean, gradients, gradient);
        if (!gradients.Skip.IsEmpty)
            positions.ClearInvalid(plan, gradients.Skip);
        return back.Overlaps(gradient) ? gradient : gradients.Skip;
    }

    /// <summary>Every element becomes the mean of its group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillMeans<T>(in Plan plan, ReadOnlySpan<GroupStatistics> statistics, Span<T> elements) where T : unmanaged
    {
        bool isLast = plan.Order == MemoryOrder.ChannelsLast;
        nint units = plan.Statistics == StatisticsSharing.Channel ? plan.C : plan.Groups;
        nint row = plan.C * (isLast ? 1 : plan.S), rowsPerSample = isLast ? plan.S : 1, length = row / units;
        for (nint i = 0; i < elements.Length / row; i++)
        {
            Span<T> own = elements.Slice((int)(i * row), (int)row);
            nint sample = i / rowsPerSample;
            if (i % rowsPerSample > 0)
            {
                // All positions of a sample are alike, and a copy of all channels is faster than a few elements at a time.
                elements.Slice((int)((i - 1) * row), (int)row).CopyTo(own);
                continue;
            }
            for (nint unit = 0; unit < units; unit++)
            {
                double mean = statistics[(int)(((sample * units) + unit) % statistics.Length)].Mean;
                own.Slice((int)(unit * length), (int)length).Fill(Element.FromDouble<T>(mean));
            }
        }
    }

    /// <summary>
    /// The sums, if they are wanted or needed, and the gradient of the input, if it has memory. Sums that are given take the place of
    /// those of the channels; they weigh <paramref name="givenWeight"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Gradient<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in ValidPositions<T> positions,
        bool areSumsWanted,
        Span<Sums> unitSums,
        Span<Sums> givenSums,
        double givenWeight,
        Span<T> dx)
        where T : unmanaged
    {
        if (plan.Order == MemoryOrder.ChannelsLast)
        {
            using Scratch<T> first = new(x.Length), firstGradient = new(x.Length);
            Transposition.ToChannelsFirst(plan, x, first.Span);
            Transposition.ToChannelsFirst(plan, dy, firstGradient.Span);
            Gradient(
                plan.WithChannelsFirst, first.Span, firstGradient.Span, weight, statistics, hasFixedStatistics,
                positions with { KeepsInvalid = false }, areSumsWanted, unitSums, givenSums, givenWeight,
                dx.IsEmpty ? default : firstGradient.Span);
            if (!dx.IsEmpty)
                Transposition.ToChannelsLast(plan, firstGradient.Span, dx);
            return;
        }
        if (!hasFixedStatistics)
        {
            Backward(plan, x, dy, weight, statistics, false, positions, unitSums, givenSums, givenWeight, dx);
            return;
        }
        if (areSumsWanted)
            Backward<T>(plan, x, dy, weight, statistics, true, positions, unitSums, default, 0, default);
        if (dx.IsEmpty)
            return;
        // dx = r · γ · dy is a forward pass about a mean of 0.
        using var uncentered = new Scratch<GroupStatistics>(statistics.Length);
        for (int i = 0; i < statistics.Length; i++)
            uncentered.Span[i] = statistics[i].Uncentered;
        Forward(plan, dy, weight, default, 0, uncentered.Span, true, positions, dx);
    }

    /// <summary>Adds the sums of all samples, channel by channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddUnits(in Plan plan, ReadOnlySpan<Sums> units, Span<Sums> channels)
    {
        for (int channel = 0; channel < channels.Length; channel++)
        {
            TotalSums total = default;
            for (int unit = channel; unit < units.Length; unit += channels.Length)
                total.Add(units[unit]);
            channels[channel] = total.Value;
        }
    }

    /// <summary>
    /// One more term in the gradients of the parameters: Σ dy · x̂ and Σ dy over the valid positions of each channel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddParameterGradients<T>(
        in Plan plan, in ValidPositions<T> positions, ReadOnlySpan<Sums> units, Span<T> weightGradient, Span<T> biasGradient)
        where T : unmanaged
    {
        if (weightGradient.IsEmpty && biasGradient.IsEmpty)
            return;
        nint all = AreColumns(plan) ? positions.Total(plan.S).Count : 0;
        using var channels = new Scratch<Sums>(plan.C);
        using var totals = new Scratch<TotalSums>(plan.C);
        totals.Span.Clear();
        // The sums of a sample lie together.
        for (int first = 0; first < units.Length; first += totals.Span.Length)
        {
            nint count = all > 0 ? all : positions.Samples[first / totals.Span.Length].Count;
            for (int channel = 0; channel < totals.Span.Length; channel++)
                totals.Span[channel].Add(units[first + channel].AboutZero(count));
        }
        for (int channel = 0; channel < totals.Span.Length; channel++)
            channels.Span[channel] = totals.Span[channel].Value;
        Launch.AddParameterGradients(default, channels.Span, weightGradient, biasGradient);
    }

    /// <summary>Brings a gradient to where it belongs, with the gradient of the sum.</summary>
    public static void Finish<T>(
        in Plan plan, Span<T> result, ReadOnlySpan<T> sumGradient, in ValidPositions<T> positions, Span<T> dx)
        where T : unmanaged
    {
        if (!sumGradient.IsEmpty)
            FusedLaunch.Add(result, sumGradient, positions.KeepsInvalid ? result : dx);
        if (result == dx)
            return;
        if (positions.KeepsInvalid)
            positions.CopyValid(plan, result, dx);
        else if (sumGradient.IsEmpty)
            result.CopyTo(dx);
    }
}
