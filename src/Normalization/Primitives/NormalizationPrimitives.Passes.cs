using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <content>From checked spans to the kernels, and from their statistics to those that are handed out.</content>
public static partial class NormalizationPrimitives
{
    /// <summary>Forward with the statistics of the input.</summary>
    private static void ComputeForward<T, TStatistics>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<TStatistics> mean,
        Span<TStatistics> inverseStandardDeviation,
        string sizes)
        where T : unmanaged
        where TStatistics : unmanaged
    {
        GuardForward(plan.Plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, sizes);
        RunForward(plan.Plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, default, default, 0);
    }

    /// <summary>Forward with the statistics of the input, which are handed out where they are wanted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunForward<T, TStatistics>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<TStatistics> mean,
        Span<TStatistics> inverseStandardDeviation,
        Span<T> runningMean,
        Span<T> runningVariance,
        double momentum)
        where T : unmanaged
        where TStatistics : unmanaged
    {
        if (plan.Elements == 0)
        {
            mean.Fill(Element.FromDouble<TStatistics>(double.NaN));
            inverseStandardDeviation.Fill(Element.FromDouble<TStatistics>(double.NaN));
            return;
        }
        using Scratch<GroupStatistics> scratch = plan.StatisticsCount > GroupsOnStack ? new(plan.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            plan.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..plan.StatisticsCount];
        Launch.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics: false, y);
        for (int i = 0; i < mean.Length; i++)
            mean[i] = Element.FromDouble<TStatistics>(statistics[i].Mean);
        for (int i = 0; i < inverseStandardDeviation.Length; i++)
            inverseStandardDeviation[i] = Element.FromDouble<TStatistics>(statistics[i].InverseStandardDeviation);
        if (!runningMean.IsEmpty)
            RunningStatistics.Update(statistics, plan.ElementsPerGroup, momentum, runningMean, runningVariance);
    }

    /// <summary>Backward with statistics given as two spans.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeBackward<T, TStatistics>(
        NormalizationPlan given,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<TStatistics> mean,
        ReadOnlySpan<TStatistics> inverseStandardDeviation,
        bool hasFixedStatistics,
        string sizes)
        where T : unmanaged
        where TStatistics : unmanaged
    {
        Plan plan = given.Plan;
        GuardBackward(plan, x, dy, weight, dx, weightGradient, biasGradient, sizes);
        if (plan.IsCentered)
            Guard.Length(mean, plan.StatisticsCount, nameof(mean), "the number of groups");
        Guard.Length(inverseStandardDeviation, plan.StatisticsCount, nameof(inverseStandardDeviation), "the number of groups");
        GuardWritten<T, TStatistics>(dx, nameof(dx), mean, inverseStandardDeviation);
        GuardWritten<T, TStatistics>(weightGradient, nameof(weightGradient), mean, inverseStandardDeviation);
        GuardWritten<T, TStatistics>(biasGradient, nameof(biasGradient), mean, inverseStandardDeviation);
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = plan.StatisticsCount > GroupsOnStack ? new(plan.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            plan.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..plan.StatisticsCount];
        for (int i = 0; i < statistics.Length; i++)
        {
            statistics[i] = GroupStatistics.FromSaved(
                plan.IsCentered ? Element.ToDouble(mean[i]) : 0, Element.ToDouble(inverseStandardDeviation[i]));
        }
        Launch.Backward(plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient);
    }

    /// <summary>
    /// Backward with nothing saved: the statistics are those of the input, or made of a mean and a variance that are given.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RecomputeBackward<T>(
        NormalizationPlan given,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance,
        string sizes,
        bool hasFixedStatistics = true)
        where T : unmanaged
    {
        Plan plan = given.Plan;
        Guard.Epsilon(epsilon);
        GuardBackward(plan, x, dy, weight, dx, weightGradient, biasGradient, sizes);
        if (hasFixedStatistics)
            GuardGiven(plan, mean, variance, dx, nameof(dx), weightGradient, biasGradient);
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = plan.StatisticsCount > GroupsOnStack ? new(plan.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            plan.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..plan.StatisticsCount];
        if (hasFixedStatistics)
            RunningStatistics.Fix(mean, variance, epsilon, statistics);
        else
            Launch.Forward(plan, x, default, default, epsilon, statistics, hasFixedStatistics: false, default);
        Launch.Backward(plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient);
    }

    private static void RecomputeBackward<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        string sizes)
        where T : unmanaged
        => RecomputeBackward(
            plan, x, dy, weight, epsilon, dx, weightGradient, biasGradient, default, default, sizes, hasFixedStatistics: false);

    /// <summary>The statistics alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeMoments<T>(
        NormalizationPlan given, ReadOnlySpan<T> x, Span<double> mean, Span<double> variance, string sizes)
        where T : unmanaged
    {
        Plan plan = given.Plan;
        Guard.ElementType<T>();
        Guard.Length(x, plan.Elements, nameof(x), sizes);
        Guard.Length<double>(mean, plan.StatisticsCount, nameof(mean), "the number of groups");
        Guard.Length<double>(variance, plan.StatisticsCount, nameof(variance), "the number of groups");
        Guard.Apart<double, T>(mean, x, nameof(mean), nameof(x));
        Guard.Apart<double, T>(variance, x, nameof(variance), nameof(x));
        Guard.Apart<double, double>(mean, variance, nameof(mean), nameof(variance));
        if (plan.Elements == 0)
        {
            mean.Fill(double.NaN);
            variance.Fill(double.NaN);
            return;
        }
        using var scratch = new Scratch<GroupStatistics>(plan.StatisticsCount);
        Launch.Moments(plan, x, scratch.Span);
        for (int i = 0; i < mean.Length; i++)
            (mean[i], variance[i]) = (scratch.Span[i].Mean, scratch.Span[i].Variance);
    }
}
