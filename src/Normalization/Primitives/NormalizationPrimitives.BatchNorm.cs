using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>BatchNorm in training: y = (x - μ) · r · γ + β with the statistics of each channel of this batch, r = 1 / √(σ² + ε), σ² the biased variance.</summary>
    /// <remarks>
    /// running = (1 - momentum) · running + momentum · batch, with the unbiased variance. An empty batch leaves the running statistics
    /// alone and gives NaN as statistics. Ioffe, Szegedy: Batch Normalization, 2015, arXiv:1502.03167.
    /// </remarks>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="bias">β, one for each channel; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="momentum">The share of this batch in the running statistics, in [0, 1].</param>
    /// <param name="runningMean">The running mean of each channel, updated; empty for none.</param>
    /// <param name="runningVariance">The running variance of each channel, updated; empty for none.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="mean">Receives the mean of each channel; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, ε is negative or not finite, or the momentum lies outside [0, 1].</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormForward<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        double momentum,
        Span<T> runningMean,
        Span<T> runningVariance,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = BatchPlan(n, c, s);
        Guard.Momentum(momentum);
        GuardForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "n · c · s");
        Guard.LengthOrEmpty<T>(runningMean, c, nameof(runningMean), "c");
        Guard.Length<T>(runningVariance, runningMean.Length, nameof(runningVariance), "as many elements as runningMean");
        GuardWritten<T, T>(runningMean, nameof(runningMean), x, y, weight, bias);
        GuardWritten<T, double>(runningMean, nameof(runningMean), mean, inverseStandardDeviation);
        GuardWritten<T, T>(runningVariance, nameof(runningVariance), x, y, weight, bias);
        GuardWritten<T, double>(runningVariance, nameof(runningVariance), mean, inverseStandardDeviation);
        Guard.Apart<T, T>(runningMean, runningVariance, nameof(runningMean), nameof(runningVariance));
        GuardValuesPerChannel(plan);
        ComputeForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, runningMean, runningVariance, momentum);
    }

    /// <summary>BatchNorm in inference: y = (x - mean) / √(variance + ε) · γ + β with given statistics of each channel.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="variance">The variance of each channel.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="bias">β, one for each channel; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormInference<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = BatchPlan(n, c, s);
        GuardForward(plan, x, weight, bias, epsilon, y, default, default, "n · c · s");
        Guard.Length(mean, c, nameof(mean), "c");
        Guard.Length(variance, c, nameof(variance), "c");
        Guard.Apart<T, T>(y, mean, nameof(y), nameof(mean));
        Guard.Apart<T, T>(y, variance, nameof(y), nameof(variance));
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> scratch = c > GroupsOnStack ? new(c) : default;
        Span<GroupStatistics> statistics = c > GroupsOnStack ? scratch.Span : (stackalloc GroupStatistics[GroupsOnStack])[..c];
        RunningStatistics.Fix(mean, variance, epsilon, statistics);
        Launch.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics: true, y);
    }

    /// <summary>The gradients of <see cref="BatchNormForward"/>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a channel.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="mean">The mean of each channel, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each channel, from the forward pass.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward(
            BatchPlan(n, c, s), x, dy, mean, inverseStandardDeviation, weight, dx, weightGradient, biasGradient, hasFixedStatistics: false, "n · c · s");

    /// <summary>The gradients of <see cref="BatchNormInference"/>, whose statistics do not depend on x: dx = r · γ · dy.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="inverseStandardDeviation">1 / √(variance + ε) of each channel.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormInferenceGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward(
            BatchPlan(n, c, s), x, dy, mean, inverseStandardDeviation, weight, dx, weightGradient, biasGradient, hasFixedStatistics: true, "n · c · s");

    /// <summary>The mean and the biased variance of each channel.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="mean">Receives the mean of each channel; NaN for an empty one.</param>
    /// <param name="variance">Receives the biased variance of each channel; NaN for an empty one.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormMoments<T>(ReadOnlySpan<T> x, int n, int c, int s, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(BatchPlan(n, c, s), x, mean, variance, "n · c · s");

    private static Plan BatchPlan(int n, int c, int s)
    {
        Guard.NotNegative(n);
        Guard.NotNegative(c);
        Guard.NotNegative(s);
        return Plan.Batch(n, c, s);
    }

    private static void GuardValuesPerChannel(in Plan plan)
    {
        if (plan.ElementsPerGroup == 1)
            throw new ArgumentException("BatchNorm in training needs more than one value per channel: their variance would be 0.");
    }
}
