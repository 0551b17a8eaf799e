using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <content>One row alone, where the choices that a pass over many rows begins with would cost more than the row.</content>
internal static unsafe partial class Launch
{
    /// <summary>Whether a plan is one row with statistics of its own, too short for several threads and for streams.</summary>
    private static bool IsShortRow<T>(in Plan plan) where T : unmanaged =>
        plan.Statistics == StatisticsSharing.Row && plan.N == 1 && plan.S * sizeof(T) < Thresholds.ParallelBytes;

    private static void ForwardRow<T>(
        in Plan plan, ReadOnlySpan<T> x, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, double epsilon, Span<GroupStatistics> statistics,
        Span<T> y)
        where T : unmanaged
    {
        fixed (T* px = x, py = y, pw = weight, pb = bias)
        fixed (GroupStatistics* ps = statistics)
        {
            KernelSet<T>.Active.ForwardRow(plan.S, new()
            {
                Input = px,
                Output = py,
                Weight = pw,
                Bias = pb,
                Statistics = ps,
                Epsilon = epsilon,
                IsCentered = plan.IsCentered,
                IsExact = plan.HasExactStatistics,
            });
        }
    }

    private static bool TryBackwardRow<T>(
        in Plan plan, ReadOnlySpan<T> x, ReadOnlySpan<T> dy, ReadOnlySpan<T> weight, Span<GroupStatistics> statistics, Span<T> dx,
        Span<T> weightGradient, Span<T> biasGradient)
        where T : unmanaged
    {
        fixed (T* px = x, pdy = dy, pdx = dx, pw = weight, pdw = weightGradient, pdb = biasGradient)
        fixed (GroupStatistics* ps = statistics)
        {
            return KernelSet<T>.Active.TryBackwardRow(plan.S, new()
            {
                Input = px,
                OutputGradient = pdy,
                InputGradient = pdx,
                Weight = pw,
                WeightGradient = pdw,
                BiasGradient = pdb,
                Statistics = ps,
                IsCentered = plan.IsCentered,
            });
        }
    }
}
