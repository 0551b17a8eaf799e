using System.Numerics;

namespace Normalization;

/// <summary>
/// Instance normalization of [N, C, ...]: y = (x - μ) / √(σ² + ε) · γ + β with the statistics of each channel of each sample, and
/// one γ and β for each channel. σ² is the biased variance.
/// </summary>
/// <remarks>
/// By default there are neither coefficients nor running statistics, and evaluation computes what training does. With running statistics,
/// training moves them by the mean over the samples, with the unbiased variance, and evaluation uses them. Ulyanov, Vedaldi, Lempitsky:
/// Instance Normalization: The Missing Ingredient for Fast Stylization, 2016, arXiv:1607.08022.
/// </remarks>
/// <example>
/// <code>
/// var norm = new InstanceNorm&lt;float>(3);
/// Tensor&lt;float> y = norm.Forward(Tensor&lt;float>.RandomNormal([2, 3, 8, 8, 8, 8], seed: 1, mean: 5));
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels C; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0.</param>
/// <param name="momentum">The share of the new batch in the running statistics, in [0, 1]; null for the cumulative average.</param>
/// <param name="affine">Whether there are γ and β.</param>
/// <param name="trackRunningStatistics">Whether running statistics are kept and used in evaluation.</param>
/// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public partial class InstanceNorm<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : RunningStatisticsLayer<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    internal override bool HasStatisticsOfSamples => true;

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => ShapeOf(shape).Groups(NumFeatures, rank: 3);

    /// <inheritdoc/>
    protected override void GuardStatistics(NormalizationPlan plan, ReadOnlySpan<int> shape)
    {
        if (plan.ElementsPerGroup == 1)
        {
            throw Guard.InputError(
                $"Instance statistics need more than one value per channel and sample, got the input {Shape.Format(shape)}: the variance "
                    + "would be 0.");
        }
    }
}

/// <summary>
/// Instance normalization of [N, C, L] or, for one sample, [C, L]: y = (x - μ) / √(σ² + ε) · γ + β. Each channel of each sample has
/// its own μ and σ² over its L positions, and each channel has its own γ and β. σ² is the biased variance.
/// </summary>
/// <remarks>
/// <para>
/// By default there are no γ, no β and no running statistics: training and evaluation compute the same. With running statistics, training
/// moves them by the mean over the samples, with the unbiased variance, and evaluation uses them.
/// </para>
/// <para>
/// The output has the shape of the input. A channel needs more than one value. An empty batch gives an empty output. A NaN or an infinity
/// makes its own channel of its own sample NaN and nothing else. Ulyanov, Vedaldi, Lempitsky: Instance Normalization: The Missing
/// Ingredient for Fast Stylization, 2016, arXiv:1607.08022.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new InstanceNorm1d&lt;float>(2);
/// Tensor&lt;float> y = norm.Forward(new([1, 3, 10, 30], 2, 2));  // one sample [C, L]: each row is a channel
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels, C of [N, C, L]; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0. The default is 1e-5.</param>
/// <param name="momentum">
/// The share of the new batch in the running statistics, in [0, 1]; the default is 0.1. Null is the cumulative average of all batches.
/// </param>
/// <param name="affine">Whether there are γ and β; the default is false.</param>
/// <param name="trackRunningStatistics">
/// Whether the layer keeps running statistics; the default is false. Without them evaluation uses the statistics of its input.
/// </param>
/// <exception cref="ArgumentOutOfRangeException">
/// <paramref name="numFeatures"/> is not positive, ε is negative or not finite, or the momentum lies outside [0, 1].
/// </exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class InstanceNorm1d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        ShapeOf(shape).Instances(3, "L");
}

/// <summary>
/// Instance normalization of [N, C, H, W] or, for one image, [C, H, W]: y = (x - μ) / √(σ² + ε) · γ + β. Each channel of each image has
/// its own μ and σ² over its H · W pixels, and each channel has its own γ and β. σ² is the biased variance.
/// </summary>
/// <remarks>
/// <para>
/// By default there are no γ, no β and no running statistics: training and evaluation compute the same. With running statistics, training
/// moves them by the mean over the samples, with the unbiased variance, and evaluation uses them.
/// </para>
/// <para>
/// The output has the shape of the input. A channel needs more than one value. An empty batch gives an empty output. A NaN or an infinity
/// makes its own channel of its own image NaN and nothing else. Ulyanov, Vedaldi, Lempitsky: Instance Normalization: The Missing
/// Ingredient for Fast Stylization, 2016, arXiv:1607.08022.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new InstanceNorm2d&lt;float>(3, affine: true);
/// var images = Tensor&lt;float>.RandomNormal([4, 3, 16, 16], seed: 1, mean: 5);
/// Tensor&lt;float> y = norm.Forward(images);  // each channel of each image has mean 0 and variance 1
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels, C of [N, C, H, W]; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0. The default is 1e-5.</param>
/// <param name="momentum">
/// The share of the new batch in the running statistics, in [0, 1]; the default is 0.1. Null is the cumulative average of all batches.
/// </param>
/// <param name="affine">Whether there are γ and β; the default is false.</param>
/// <param name="trackRunningStatistics">
/// Whether the layer keeps running statistics; the default is false. Without them evaluation uses the statistics of its input.
/// </param>
/// <exception cref="ArgumentOutOfRangeException">
/// <paramref name="numFeatures"/> is not positive, ε is negative or not finite, or the momentum lies outside [0, 1].
/// </exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class InstanceNorm2d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        ShapeOf(shape).Instances(4, "H, W");
}

/// <summary>
/// Instance normalization of [N, C, D, H, W] or, for one volume, [C, D, H, W]: y = (x - μ) / √(σ² + ε) · γ + β. Each channel of each
/// volume has its own μ and σ² over its D · H · W voxels, and each channel has its own γ and β. σ² is the biased variance.
/// </summary>
/// <remarks>
/// <para>
/// By default there are no γ, no β and no running statistics: training and evaluation compute the same. With running statistics, training
/// moves them by the mean over the samples, with the unbiased variance, and evaluation uses them.
/// </para>
/// <para>
/// The output has the shape of the input. A channel needs more than one value. An empty batch gives an empty output. A NaN or an infinity
/// makes its own channel of its own volume NaN and nothing else. Ulyanov, Vedaldi, Lempitsky: Instance Normalization: The Missing
/// Ingredient for Fast Stylization, 2016, arXiv:1607.08022.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new InstanceNorm3d&lt;float>(2);
/// var volumes = Tensor&lt;float>.RandomNormal([2, 2, 4, 8, 8], seed: 1, mean: 5);
/// Tensor&lt;float> y = norm.Forward(volumes);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels, C of [N, C, D, H, W]; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0. The default is 1e-5.</param>
/// <param name="momentum">
/// The share of the new batch in the running statistics, in [0, 1]; the default is 0.1. Null is the cumulative average of all batches.
/// </param>
/// <param name="affine">Whether there are γ and β; the default is false.</param>
/// <param name="trackRunningStatistics">
/// Whether the layer keeps running statistics; the default is false. Without them evaluation uses the statistics of its input.
/// </param>
/// <exception cref="ArgumentOutOfRangeException">
/// <paramref name="numFeatures"/> is not positive, ε is negative or not finite, or the momentum lies outside [0, 1].
/// </exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class InstanceNorm3d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        ShapeOf(shape).Instances(5, "D, H, W");
}
