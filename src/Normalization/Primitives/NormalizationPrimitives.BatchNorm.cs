using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>
    /// BatchNorm in training: y = (x - μ) · r · γ + β with the statistics of each channel of this batch, r = 1 / √(σ² + ε), σ² the
    /// biased variance.
    /// </summary>
    /// <remarks>
    /// running = (1 - momentum) · running + momentum · batch, with the unbiased variance. An empty batch leaves the running statistics
    /// alone and gives NaN as statistics. Ioffe, Szegedy: Batch Normalization, 2015, arXiv:1502.03167.
    /// </remarks>
    /// <example>
    /// <code>
    /// const int n = 2, c = 2, s = 2;
    /// float[] x = [1, 3, 10, 30, 5, 7, 50, 70], y = new float[n * c * s], weight = [1, 2], bias = [0, 1];
    /// float[] runningMean = [0, 0], runningVariance = [1, 1];
    /// double[] mean = new double[c], inverseStandardDeviation = new double[c];
    /// NormalizationPrimitives.BatchNormForward&lt;float>(
    ///     x, n, c, s, weight, bias, 1e-5, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum: 0.1);
    ///
    /// float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[n * c * s], weightGradient = new float[c], biasGradient = new float[c];
    /// NormalizationPrimitives.BatchNormGradient&lt;float>(
    ///     x, dy, n, c, s, weight, dx, weightGradient, biasGradient, mean, inverseStandardDeviation);
    /// </code>
    /// </example>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="bias">β, one for each channel; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="mean">Receives the mean of each channel; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each channel; empty if not wanted.</param>
    /// <param name="runningMean">The running mean of each channel, updated; empty for none.</param>
    /// <param name="runningVariance">The running variance of each channel, updated; empty for none.</param>
    /// <param name="momentum">The share of this batch in the running statistics, in [0, 1].</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, ε is negative or not finite, or the momentum lies outside [0,
    /// 1].</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void BatchNormForward<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation,
        Span<T> runningMean,
        Span<T> runningVariance,
        double momentum)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => BatchForward<T, double>(
            x, n, c, s, weight, bias, epsilon, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum);

    /// <inheritdoc cref="BatchNormForward{T}(ReadOnlySpan{T}, int, int, int, ReadOnlySpan{T}, ReadOnlySpan{T}, double, Span{T},
    /// Span{double}, Span{double}, Span{T}, Span{T}, double)"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void BatchNormForward<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<T> mean,
        Span<T> inverseStandardDeviation,
        Span<T> runningMean,
        Span<T> runningVariance,
        double momentum)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => BatchForward<T, T>(x, n, c, s, weight, bias, epsilon, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum);

    /// <summary>BatchNorm in inference: y = (x - mean) / √(variance + ε) · γ + β with given statistics of each channel.</summary>
    /// <example>
    /// <code>
    /// float[] x = [1, 3, 10, 30], y = new float[4], weight = [1, 2], bias = [0, 1], mean = [2, 20], variance = [1, 100];
    /// NormalizationPrimitives.BatchNormInference&lt;float>(x, n: 1, c: 2, s: 2, weight, bias, 1e-5, y, mean, variance);
    /// </code>
    /// </example>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="bias">β, one for each channel; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="variance">The variance of each channel.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormInference<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = NormalizationPlan.Batch(n, c, s).Plan;
        GuardForward<T, double>(plan, x, weight, bias, epsilon, y, default, default, "n · c · s");
        GuardGiven(plan, mean, variance, y, nameof(y));
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = c > GroupsOnStack ? new(c) : default;
        Span<GroupStatistics> statistics = c > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..c];
        RunningStatistics.Fix(mean, variance, epsilon, statistics);
        Launch.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics: true, y);
    }

    /// <summary>Computes the mean and the biased variance of each channel.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="mean">Receives the mean of each channel; NaN for a channel without elements.</param>
    /// <param name="variance">Receives the biased variance of each channel; NaN for a channel without elements.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormMoments<T>(ReadOnlySpan<T> x, int n, int c, int s, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(NormalizationPlan.Batch(n, c, s), x, mean, variance, "n · c · s");

    private static void BatchForward<T, TStatistics>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
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
        Plan plan = NormalizationPlan.Batch(n, c, s).Plan;
        Guard.Momentum(momentum);
        GuardForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "n · c · s");
        Guard.LengthOrEmpty<T>(runningMean, c, nameof(runningMean), "c");
        Guard.Length<T>(runningVariance, runningMean.Length, nameof(runningVariance), "as many elements as runningMean");
        GuardWritten<T, T>(runningMean, nameof(runningMean), x, y, weight, bias);
        GuardWritten<T, TStatistics>(runningMean, nameof(runningMean), mean, inverseStandardDeviation);
        GuardWritten<T, T>(runningVariance, nameof(runningVariance), x, y, weight, bias);
        GuardWritten<T, TStatistics>(runningVariance, nameof(runningVariance), mean, inverseStandardDeviation);
        Guard.Apart<T, T>(runningMean, runningVariance, nameof(runningMean), nameof(runningVariance));
        GuardValuesPerChannel(plan);
        RunForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum);
    }

    /// <summary>The plan of a pass that trains.</summary>
    private static NormalizationPlan TrainingPlan(int n, int c, int s)
    {
        var plan = NormalizationPlan.Batch(n, c, s);
        GuardValuesPerChannel(plan.Plan);
        return plan;
    }

    private static void GuardValuesPerChannel(in Plan plan)
    {
        if (plan.ElementsPerGroup == 1)
            throw new ArgumentException("BatchNorm in training needs more than one value per channel: their variance would be 0.");
    }
}
