using System.Numerics;
using System.Runtime.CompilerServices;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>
    /// GroupNorm: y = (x - μ) · r · γ + β with the statistics of each group of c / groups neighboring channels of each sample, r = 1 /
    /// √(σ² + ε).
    /// </summary>
    /// <remarks>
    /// Groups are numbered sample by sample: there are n · groups. A group of one element gives β. Wu, He: Group Normalization, 2018,
    /// arXiv:1803.08494; with groups = c: Ulyanov et al.: Instance Normalization, 2016, arXiv:1607.08022.
    /// </remarks>
    /// <example>
    /// <code>
    /// const int n = 1, c = 4, s = 2, groups = 2;
    /// float[] x = [1, 2, 3, 4, 10, 20, 30, 40], y = new float[n * c * s];
    /// double[] mean = new double[n * groups], inverseStandardDeviation = new double[n * groups];
    /// NormalizationPrimitives.GroupNormForward&lt;float>(
    ///     x, n, c, s, groups, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);
    ///
    /// float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[n * c * s];
    /// NormalizationPrimitives.GroupNormGradient&lt;float>(
    ///     x, dy, n, c, s, groups, weight: [], dx, weightGradient: [], biasGradient: [], mean, inverseStandardDeviation);
    /// </code>
    /// </example>
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
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, groups is not positive, or ε is negative or not
    /// finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
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
        => ComputeForward<T, double>(
            NormalizationPlan.Groups(n, c, s, groups), x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "n · c · s");

    /// <inheritdoc cref="GroupNormForward{T}(ReadOnlySpan{T}, int, int, int, int, ReadOnlySpan{T}, ReadOnlySpan{T}, double, Span{T},
    /// Span{double}, Span{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
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
        Span<T> mean,
        Span<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeForward<T, T>(
            NormalizationPlan.Groups(n, c, s, groups), x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "n · c · s");

    /// <summary>
    /// The gradients of <c>GroupNormForward</c>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a group.
    /// </summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <param name="mean">The mean of each group, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each group, from the forward pass.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or groups is not positive.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void GroupNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        int groups,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, double>(
            NormalizationPlan.Groups(n, c, s, groups), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "n · c · s");

    /// <inheritdoc cref="GroupNormGradient{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, int, int, int, int, ReadOnlySpan{T}, Span{T}, Span{T},
    /// Span{T}, ReadOnlySpan{double}, ReadOnlySpan{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void GroupNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        int groups,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, T>(
            NormalizationPlan.Groups(n, c, s, groups), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "n · c · s");

    /// <summary>
    /// Computes the same gradients without saved statistics: the method computes the statistics from <paramref name="x"/> again, and so
    /// reads <paramref name="x"/> once more.
    /// </summary>
    /// <remarks>The statistics keep all their digits. A mean that is saved as one number loses some.</remarks>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, groups is not positive, or ε is negative or not
    /// finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void GroupNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        int groups,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => RecomputeBackward(
            NormalizationPlan.Groups(n, c, s, groups), x, dy, weight, epsilon, dx, weightGradient, biasGradient, "n · c · s");

    /// <summary>Computes the mean and the biased variance of each group.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c. With c groups this is InstanceNorm.</param>
    /// <param name="mean">Receives the mean of each group; NaN for a group without elements.</param>
    /// <param name="variance">Receives the biased variance of each group; NaN for a group without elements.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or groups is not positive.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void GroupNormMoments<T>(ReadOnlySpan<T> x, int n, int c, int s, int groups, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(NormalizationPlan.Groups(n, c, s, groups), x, mean, variance, "n · c · s");
}
