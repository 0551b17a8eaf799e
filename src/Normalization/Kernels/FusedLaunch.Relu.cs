using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <content>Backward through ReLU by x alone.</content>
internal static unsafe partial class FusedLaunch
{
    /// <summary>
    /// The signs, then the bounds, of the x that ReLU passes, where the backward pass goes by them: floats with statistics of the batch in
    /// slices that save more than the bounds cost, or in columns that leave the caches. Otherwise nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Scratch<double> FindReluBounds<T>(
        in Plan plan, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, Span<GroupStatistics> statistics, bool hasFixedStatistics,
        in FusedTerms<T> terms, bool hasGradients)
        where T : unmanaged
    {
        bool fits = typeof(T) == typeof(float) && terms.ActivationKind == ActivationKind.Relu && terms.Skip.IsEmpty
            && terms.FitsNorm(plan) && plan.PieceSize == 0 && plan.Elements > 0 && !hasFixedStatistics;
        if (!fits)
            return default;
        Direction direction = hasGradients ? Direction.Backward : Direction.InputGradient;
        bool hasCoefficients = hasGradients || !(weight.IsEmpty && bias.IsEmpty);
        Dispatch.Choose(
            hasCoefficients ? plan : plan with { Coefficients = CoefficientSharing.None }, direction, hasFixedStatistics, out Route route);
        bool isColumns = route.Family == Family.Columns;
        if (route.IsTransposed || !(isColumns || route.Family == Family.Slices))
            return default;
        nint units = isColumns ? route.Columns.Channels : route.Groups.Units;
        int shortest = plan.Statistics == StatisticsSharing.Channel ? Thresholds.ShortestReluChannel : Thresholds.ShortestReluUnit;
        bool isInCaches = isColumns && !Thresholds.IsStreamed(3 * plan.Elements * sizeof(T), nint.MaxValue);
        if (plan.Elements < units * shortest || isInCaches)
            return default;
        Scratch<double> bounds = new(2 * units);
        Span<double> signs = bounds.Span[..(int)units], least = bounds.Span[(int)units..];
        for (int unit = 0; unit < units; unit++)
        {
            int channel = isColumns ? unit : (int)(unit % route.Groups.CoefficientPeriod);
            int group = isColumns ? unit : (int)(unit / route.Groups.UnitsPerGroup % route.Groups.StatisticsPeriod);
            double scale = weight.IsEmpty ? 1 : Element.ToDouble(weight[channel]);
            double shift = bias.IsEmpty ? 0 : Element.ToDouble(bias[channel]);
            if (ReluBound.TryFind(Affine.Create<T>(statistics[group], scale, shift), out signs[unit], out least[unit]))
                continue;
            bounds.Dispose();
            return default;
        }
        return bounds;
    }
}
