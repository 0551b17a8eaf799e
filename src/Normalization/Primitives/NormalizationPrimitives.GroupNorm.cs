using System.Numerics;
using Normalization.Kernels.Plans;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>GroupNorm: y = (x - μ) · r · γ + β with the statistics of each group of c / groups neighboring channels of each sample, r = 1 / √(σ² + ε).</summary>
    /// <remarks>
    /// Groups are numbered sample by sample: there are n · groups. A group of one element gives β. Wu, He: Group Normalization, 2018,
    /// arXiv:1803.08494; with groups = c: Ulyanov et al.: Instance Normalization, 2016, arXiv:1607.08022.
    /// </remarks>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="bias">β, one for each channel; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="mean">Receives the mean of each group; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each group; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, groups is not positive, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void GroupNormForward<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        int groups,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = ChannelGroupPlan(n, c, s, groups);
        GuardForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "n · c · s");
        ComputeForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation);
    }

    /// <summary>The gradients of <see cref="GroupNormForward"/>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a group.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="mean">The mean of each group, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each group, from the forward pass.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or groups is not positive.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void GroupNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        int groups,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward(
            ChannelGroupPlan(n, c, s, groups), x, dy, mean, inverseStandardDeviation, weight, dx, weightGradient, biasGradient, hasFixedStatistics: false, "n · c · s");

    /// <summary>The mean and the biased variance of each group.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="mean">Receives the mean of each group; NaN for an empty one.</param>
    /// <param name="variance">Receives the biased variance of each group; NaN for an empty one.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or groups is not positive.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void GroupNormMoments<T>(ReadOnlySpan<T> x, int n, int c, int s, int groups, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(ChannelGroupPlan(n, c, s, groups), x, mean, variance, "n · c · s");

    private static Plan ChannelGroupPlan(int n, int c, int s, int groups)
    {
        Guard.NotNegative(n);
        Guard.NotNegative(c);
        Guard.NotNegative(s);
        Guard.Positive(groups);
        if (c % groups != 0)
            throw new ArgumentException($"The number of channels must be divisible by the number of groups, got {c} channels and {groups} groups.", nameof(groups));
        return Plan.ChannelGroups(n, c, s, groups);
    }
}
