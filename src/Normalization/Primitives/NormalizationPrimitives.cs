using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>
/// The kernels of the layers on spans, without state, for people with tensors and an autograd of their own: the counterpart of
/// <see cref="System.Numerics.Tensors.TensorPrimitives"/>.
/// </summary>
/// <remarks>
/// <para>
/// Data are dense and row-major: [n, c, s] with batch n, channels c and everything after them flattened to s (1 for [n, c]), or
/// [rows, width]. Sizes are plain integers; a size of 0 means nothing to do. Statistics are kept in <see cref="double"/>.
/// </para>
/// <para>
/// An empty weight stands for ones, an empty bias for zeros, and an empty span for any statistics or parameter gradient means
/// that it is not wanted. Parameter gradients are added to; everything else is overwritten. An output may be exactly its input
/// (dx exactly dy), but must not overlap anything else. All arguments are checked before anything is written.
/// </para>
/// <para>
/// A NaN or an infinity makes its own group NaN and no other (with RmsNorm an infinity makes the finite elements of its row 0). A
/// mean handed out for doubles is rounded to one double, which the gradient of groups with |mean| far above their deviation
/// shows; the layers keep the rest of it. The results do not depend on the number of threads, on the width
/// of the vectors or on alignment. All methods may be called from any number of threads at once.
/// </para>
/// </remarks>
public static partial class NormalizationPrimitives
{
    // Statistics of this many groups fit on the stack without a thought.
    internal const int GroupsOnStack = 32;

    /// <summary>The gate of every forward: the output has the input's size and overlaps nothing but the whole input.</summary>
    internal static void GuardForward<T>(
        ReadOnlySpan<T> x, Span<T> y, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, string xName = "x", string yName = "y")
        where T : unmanaged
    {
        Guard.SameLength<T>(y, x, yName, xName);
        Guard.SameOrApart(y, x, yName, xName);
        Guard.Apart<T, T>(y, weight, yName, nameof(weight));
        Guard.Apart<T, T>(y, bias, yName, nameof(bias));
    }

    /// <summary>The gate of every backward: dx may be the whole of dy, and nothing that is written overlaps anything else.</summary>
    internal static void GuardBackward<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        string xName = "x",
        string dyName = "dy",
        string dxName = "dx")
        where T : unmanaged
    {
        Guard.SameLength(dy, x, dyName, xName);
        Guard.SameLength<T>(dx, x, dxName, xName);
        Guard.SameOrApart(dx, dy, dxName, dyName);
        Guard.Apart<T, T>(dx, x, dxName, xName);
        Guard.Apart<T, T>(dx, weight, dxName, nameof(weight));
        GuardWritten<T, T>(weightGradient, nameof(weightGradient), x, dy, dx, weight);
        GuardWritten<T, T>(biasGradient, nameof(biasGradient), x, dy, dx, weight);
        Guard.Apart<T, T>(weightGradient, biasGradient, nameof(weightGradient), nameof(biasGradient));
    }

    private static void GuardWritten<T, TOther>(
        ReadOnlySpan<T> written,
        string name,
        ReadOnlySpan<TOther> first,
        ReadOnlySpan<TOther> second,
        ReadOnlySpan<TOther> third = default,
        ReadOnlySpan<TOther> fourth = default)
        where T : unmanaged
        where TOther : unmanaged
    {
        const string Other = "another argument";
        Guard.Apart(written, first, name, Other);
        Guard.Apart(written, second, name, Other);
        Guard.Apart(written, third, name, Other);
        Guard.Apart(written, fourth, name, Other);
    }

    /// <summary>The gate of every forward on spans.</summary>
    private static void GuardForward<T>(
        in Plan plan, ReadOnlySpan<T> x, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, double epsilon, Span<T> y, Span<double> mean, Span<double> second, string sizes)
        where T : unmanaged
    {
        Guard.ElementType<T>();
        Guard.Epsilon(epsilon);
        Guard.Length(x, plan.Elements, nameof(x), sizes);
        Guard.LengthOrEmpty(weight, plan.Parameters, nameof(weight), "the number of parameters");
        Guard.LengthOrEmpty(bias, plan.Parameters, nameof(bias), "the number of parameters");
        GuardForward(x, y, weight, bias);
        GuardStatistics(plan, mean, nameof(mean), x, y, weight, bias);
        GuardStatistics(plan, second, "inverseStandardDeviation", x, y, weight, bias);
        Guard.Apart<double, double>(mean, second, nameof(mean), "inverseStandardDeviation");
    }

    private static void GuardStatistics<T>(
        in Plan plan, Span<double> statistics, string name, ReadOnlySpan<T> x, Span<T> y, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
        where T : unmanaged
    {
        Guard.LengthOrEmpty<double>(statistics, plan.StatisticsCount, name, "the number of groups");
        GuardWritten<double, T>(statistics, name, x, y, weight, bias);
    }

    /// <summary>Forward with the statistics of the input, which are handed out where they are wanted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeForward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation,
        Span<T> runningMean = default,
        Span<T> runningVariance = default,
        double momentum = 0)
        where T : unmanaged
    {
        if (plan.Elements == 0)
        {
            mean.Fill(double.NaN);
            inverseStandardDeviation.Fill(double.NaN);
            return;
        }
        using Scratch<GroupStatistics> scratch = plan.StatisticsCount > GroupsOnStack ? new(plan.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            plan.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..plan.StatisticsCount];
        Launch.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics: false, y);
        for (int i = 0; i < mean.Length; i++)
            mean[i] = statistics[i].Mean;
        for (int i = 0; i < inverseStandardDeviation.Length; i++)
            inverseStandardDeviation[i] = statistics[i].InverseStandardDeviation;
        if (!runningMean.IsEmpty)
            RunningStatistics.Update(statistics, plan.ElementsPerGroup, momentum, runningMean, runningVariance);
    }

    /// <summary>Backward with statistics given as two spans.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeBackward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        bool hasFixedStatistics,
        string sizes)
        where T : unmanaged
    {
        Guard.ElementType<T>();
        Guard.Length(x, plan.Elements, nameof(x), sizes);
        if (plan.IsCentered)
            Guard.Length(mean, plan.StatisticsCount, nameof(mean), "the number of groups");
        Guard.Length(inverseStandardDeviation, plan.StatisticsCount, nameof(inverseStandardDeviation), "the number of groups");
        Guard.LengthOrEmpty(weight, plan.Parameters, nameof(weight), "the number of parameters");
        Guard.LengthOrEmpty<T>(weightGradient, plan.Parameters, nameof(weightGradient), "the number of parameters");
        Guard.LengthOrEmpty<T>(biasGradient, plan.Parameters, nameof(biasGradient), "the number of parameters");
        GuardBackward(x, dy, weight, dx, weightGradient, biasGradient);
        GuardWritten<T, double>(dx, nameof(dx), mean, inverseStandardDeviation);
        GuardWritten<T, double>(weightGradient, nameof(weightGradient), mean, inverseStandardDeviation);
        GuardWritten<T, double>(biasGradient, nameof(biasGradient), mean, inverseStandardDeviation);
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = plan.StatisticsCount > GroupsOnStack ? new(plan.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            plan.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..plan.StatisticsCount];
        for (int i = 0; i < statistics.Length; i++)
            statistics[i] = GroupStatistics.FromSaved(plan.IsCentered ? mean[i] : 0, inverseStandardDeviation[i]);
        Launch.Backward(plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient);
    }

    /// <summary>The statistics alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeMoments<T>(in Plan plan, ReadOnlySpan<T> x, Span<double> mean, Span<double> variance, string sizes)
        where T : unmanaged
    {
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
