using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    private const string PlanElements = "the number of elements of the plan";

    /// <summary>
    /// Normalizes as a plan says, with the statistics of the input, and with a residual before the norm, and a scale, a shift, a skip and
    /// an activation behind it: s = x + residual, y = activation(norm(s) · (1 + scale) + shift + skip).
    /// </summary>
    /// <remarks>
    /// Every step is rounded to <typeparamref name="T"/>, so the result has the bits of the steps done one after another. With
    /// <see cref="NormalizationPlan.Rows"/> this is LayerNorm or RmsNorm, with <see cref="NormalizationPlan.Groups(int, int, int, int)"/>
    /// GroupNorm or InstanceNorm, with <see cref="NormalizationPlan.Batch(int, int, int)"/> BatchNorm in training; running statistics are
    /// up to the caller. Plans with <see cref="ChannelAxis.Last"/> have the channels last; without terms and with <see
    /// cref="Activation.None"/> the pass is the norm alone. Where the
    /// terms say which positions are valid, a group without one has a mean and an inverse standard deviation of 0.
    /// </remarks>
    /// <example>
    /// <code>
    /// NormalizationPlan plan = NormalizationPlan.Rows(rows: 2, width: 2);
    /// float[] x = [1, 3, 10, 30], residual = [1, 1, 1, 1], sum = new float[4], y = new float[4];
    /// double[] mean = new double[2], inverseStandardDeviation = new double[2];
    /// NormalizationPrimitives.FusedForward&lt;float>(
    ///     plan, x, weight: [], bias: [], 1e-5, new ForwardTerms&lt;float> { Residual = residual, Sum = sum }, Activation.Relu, y,
    ///     mean, inverseStandardDeviation);
    ///
    /// float[] dy = [1, 0, 0, 1], dx = new float[4];
    /// NormalizationPrimitives.FusedGradient&lt;float>(
    ///     plan, sum, dy, weight: [], bias: [], default, Activation.Relu, dx, weightGradient: [], biasGradient: [],
    ///     mean, inverseStandardDeviation);
    /// </code>
    /// </example>
    /// <param name="plan">Who shares statistics and coefficients, and the sizes.</param>
    /// <param name="x">The input.</param>
    /// <param name="weight">γ; empty for ones.</param>
    /// <param name="bias">β; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="terms">The residual, the scale, the shift and the skip.</param>
    /// <param name="activation">The activation.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/> or the residual.</param>
    /// <param name="mean">Receives the mean of each group; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each group; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the plan asks for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite, or there is no such activation.</exception>
    /// <exception cref="NotSupportedException">
    /// The plan is one of windows, or <typeparamref name="T"/> is neither float nor double.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FusedForward<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        in ForwardTerms<T> terms,
        Activation activation,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan given = plan.Plan;
        FusedGuard.Activation(activation);
        FusedGuard.NoWindows(given);
        GuardForward(given, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, PlanElements);
        FusedGuard.Forward(given, terms, x, y, weight, bias);
        GuardTerms(mean, nameof(mean), terms);
        GuardTerms(inverseStandardDeviation, nameof(inverseStandardDeviation), terms);
        if (given.Statistics == StatisticsSharing.Channel)
            GuardValuesPerChannel(given);
        GuardValidValues(given, terms);
        if (given.Elements == 0)
        {
            mean.Fill(double.NaN);
            inverseStandardDeviation.Fill(double.NaN);
            return;
        }
        using Scratch<GroupStatistics> scratch = given.StatisticsCount > GroupsOnStack ? new(given.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            given.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..given.StatisticsCount];
        Forward(given, x, weight, bias, epsilon, statistics, hasFixedStatistics: false, terms, activation, y);
        for (int i = 0; i < mean.Length; i++)
            mean[i] = statistics[i].Mean;
        for (int i = 0; i < inverseStandardDeviation.Length; i++)
            inverseStandardDeviation[i] = statistics[i].InverseStandardDeviation;
    }

    /// <summary>The same with given statistics of each channel, as BatchNorm in inference.</summary>
    /// <param name="plan">A plan with channels.</param>
    /// <param name="x">The input.</param>
    /// <param name="weight">γ; empty for ones.</param>
    /// <param name="bias">β; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="terms">The residual, the scale, the shift and the skip.</param>
    /// <param name="activation">The activation.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/> or the residual.</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="variance">The variance of each channel.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the plan asks for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite, or there is no such activation.</exception>
    /// <exception cref="NotSupportedException">The plan has no channels, or <typeparamref name="T"/> is neither float nor double.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FusedInference<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        in ForwardTerms<T> terms,
        Activation activation,
        Span<T> y,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        FusedGuard.NoWindows(plan.Plan);
        Plan given = plan.Plan.WithChannelStatistics;
        FusedGuard.Activation(activation);
        GuardForward<T, double>(given, x, weight, bias, epsilon, y, default, default, PlanElements);
        GuardGiven(given, mean, variance, y, nameof(y));
        GuardGiven(given, mean, variance, terms.Sum, nameof(terms.Sum));
        FusedGuard.Forward(given, terms, x, y, weight, bias);
        if (given.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = given.StatisticsCount > GroupsOnStack ? new(given.StatisticsCount) : default;
        Span<GroupStatistics> statistics =
            given.StatisticsCount > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..given.StatisticsCount];
        RunningStatistics.Fix(mean, variance, epsilon, statistics);
        Forward(given, x, weight, bias, epsilon, statistics, hasFixedStatistics: true, terms, activation, y);
    }

    /// <summary>The gradients of <see cref="FusedForward"/>, or of <see cref="FusedInference"/> with fixed statistics.</summary>
    /// <remarks>
    /// What the activation was applied to is computed again from <paramref name="x"/> and the statistics. The gradient of x is that of the
    /// residual too.
    /// </remarks>
    /// <param name="plan">The plan of the forward pass.</param>
    /// <param name="x">What was normalized: the input or, where there was a residual, the sum.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="weight">γ; empty for ones.</param>
    /// <param name="bias">β; empty for zeros.</param>
    /// <param name="terms">The terms of the forward pass with the same values, and where their gradients go.</param>
    /// <param name="activation">The activation of the forward pass.</param>
    /// <param name="dx">Receives the gradient of x; may be exactly <paramref name="dy"/> or the gradient of the sum.</param>
    /// <param name="weightGradient">Gains the gradient of γ; empty if not wanted.</param>
    /// <param name="biasGradient">Gains the gradient of β; empty if not wanted.</param>
    /// <param name="mean">The mean of each group, from the forward pass; of a plan without means it is not read.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each group, from the forward pass.</param>
    /// <param name="hasFixedStatistics">Whether the statistics of each channel were given and do not depend on x.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the plan asks for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such activation.</exception>
    /// <exception cref="NotSupportedException">The plan has no channels and the statistics are fixed, or <typeparamref name="T"/> is
    /// neither float nor double.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FusedGradient<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        in BackwardTerms<T> terms,
        Activation activation,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        bool hasFixedStatistics = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        FusedGuard.NoWindows(plan.Plan);
        Plan given = hasFixedStatistics ? plan.Plan.WithChannelStatistics : plan.Plan;
        FusedGuard.Activation(activation);
        GuardBackward(given, x, dy, weight, dx, weightGradient, biasGradient, PlanElements);
        Guard.LengthOrEmpty(bias, given.Parameters, nameof(bias), "the number of parameters");
        FusedGuard.Backward(given, terms, x, dy, dx, weight, bias, weightGradient, biasGradient);
        if (given.IsCentered)
            Guard.Length(mean, given.StatisticsCount, nameof(mean), "the number of groups");
        Guard.Length(inverseStandardDeviation, given.StatisticsCount, nameof(inverseStandardDeviation), "the number of groups");
        GuardSaved(dx, nameof(dx), mean, inverseStandardDeviation);
        GuardSaved(weightGradient, nameof(weightGradient), mean, inverseStandardDeviation);
        GuardSaved(biasGradient, nameof(biasGradient), mean, inverseStandardDeviation);
        GuardSaved(terms.SkipGradient, nameof(terms.SkipGradient), mean, inverseStandardDeviation);
        GuardSaved(terms.ScaleGradient, nameof(terms.ScaleGradient), mean, inverseStandardDeviation);
        GuardSaved(terms.ShiftGradient, nameof(terms.ShiftGradient), mean, inverseStandardDeviation);
        using Scratch<GroupStatistics> scratch = new(given.Elements == 0 ? 0 : given.StatisticsCount);
        for (int i = 0; i < scratch.Span.Length; i++)
            scratch.Span[i] = GroupStatistics.FromSaved(given.IsCentered ? mean[i] : 0, inverseStandardDeviation[i]);
        Backward(
            given, x, dy, weight, bias, scratch.Span, hasFixedStatistics, terms, activation, dx, weightGradient, biasGradient);
    }
}
