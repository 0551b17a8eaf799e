using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <content>Whole passes, with what goes before the norm and behind it.</content>
internal static unsafe partial class MaskedLaunch
{
    /// <summary>
    /// Forward: x + residual, where there is one, is written everywhere; then the statistics, unless they are given; then the output.
    /// Where all positions count, it is the pass without a mask.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> residual,
        Span<T> sum,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        in ValidPositions<T> positions,
        Span<T> y)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        if (positions.AreAll(plan))
        {
            FusedLaunch.Forward(
                plan, x, residual, sum.IsEmpty ? y : sum, weight, bias, epsilon, statistics, hasFixedStatistics, terms, y);
            return;
        }
        using Scratch<T> pooledSum = residual.IsEmpty || !sum.IsEmpty ? default : new(x.Length);
        if (!residual.IsEmpty)
        {
            sum = sum.IsEmpty ? pooledSum.Span : sum;
            FusedLaunch.Add(x, residual, sum);
            x = sum;
        }
        if (statistics.IsEmpty)
        {
            if (!positions.KeepsInvalid)
                y.Clear();
            return;
        }
        // Samples with statistics of their own, and columns, go from the statistics to the output while they are in the cache.
        bool areChannels = plan.Statistics == StatisticsSharing.Channel;
        nint bytes = Math.Max(1, plan.C * plan.S * sizeof(T)), step = Math.Max(1, Thresholds.FusedBytes / bytes);
        bool isDirect = !terms.IsAny && plan.Order == MemoryOrder.ChannelsFirst;
        bool comeFirst = areChannels && !hasFixedStatistics && !(isDirect && AreColumns(plan));
        if (comeFirst)
            Moments(plan, x, epsilon, positions, statistics);
        bool areGiven = hasFixedStatistics || comeFirst;
        step = isDirect ? plan.N : step;
        for (nint first = 0; first < plan.N; first += step)
        {
            nint count = Math.Min(step, plan.N - first), groups = areChannels ? 0 : plan.Groups;
            Plan part = plan with { N = count };
            int offset = (int)(first * plan.C * plan.S), length = (int)part.Elements;
            Span<GroupStatistics> own = areChannels ? statistics : statistics.Slice((int)(first * groups), (int)(count * groups));
            ValidPositions<T> valid = positions.Part(plan.S, first, count);
            if (!areGiven && !isDirect)
                Moments(part, x.Slice(offset, length), epsilon, valid, own);
            ForwardPart(
                part, x.Slice(offset, length), weight, bias, epsilon, own, areGiven || !isDirect, terms.Part(plan, first, count), valid,
                y.Slice(offset, length));
        }
    }

    private static void ForwardPart<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        in ValidPositions<T> positions,
        Span<T> y)
        where T : unmanaged
    {
        bool isDirect = !terms.IsAny && plan.Order == MemoryOrder.ChannelsFirst;
        if (isDirect && (positions.Mask.IsEmpty || !positions.KeepsInvalid))
        {
            Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, positions, y);
            return;
        }
        bool hasInvalid = positions.Total(plan.S).Count < plan.N * plan.S;
        if (hasInvalid && !positions.KeepsInvalid && plan.Order == MemoryOrder.ChannelsFirst && terms.IsOnlyActivation)
        {
            // An activation of 0 is 0, so that the other positions stay what the pass with a mask has written.
            Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, positions, y);
            FusedLaunch.Epilogue(plan, y, terms, y);
            return;
        }
        // What lies at the other positions is computed too, and not kept.
        using Scratch<T> pooled = positions.KeepsInvalid ? new(y.Length) : default;
        Span<T> all = positions.KeepsInvalid ? pooled.Span : y;
        if (isDirect)
            Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, positions with { KeepsInvalid = false }, all);
        else
            FusedLaunch.Forward(plan, x, default, default, weight, bias, epsilon, statistics, hasFixedStatistics: true, terms, all);
        if (positions.KeepsInvalid)
            positions.CopyValid(plan, all, y);
        else
            positions.ClearInvalid(plan, y);
    }
}
