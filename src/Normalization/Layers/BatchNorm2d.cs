using System.Numerics;

namespace Normalization;

/// <summary>
/// Batch normalization of [N, C, H, W]: y = (x - μ) / √(σ² + ε) · γ + β. Each channel has its own μ and σ² over the N images and all H · W
/// pixels, and its own γ and β. σ² is the biased variance.
/// </summary>
/// <remarks>
/// <para>
/// Training uses the statistics of the batch. It moves the running statistics toward them: running = (1 - momentum) · running + momentum
/// · batch, with the unbiased variance. Evaluation uses the running statistics, and so does training with <see
/// cref="RunningStatisticsLayer{T}.UseRunningStatistics"/>.
/// </para>
/// <para>
/// The input has the shape [N, C, H, W], and so has the output. Training needs more than one value for each channel: N · H · W is at
/// least 2. An empty batch gives an empty output and does not change the running mean and variance. A NaN or an infinity makes its own
/// channel NaN and no other channel. Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal
/// Covariate Shift, 2015, arXiv:1502.03167.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new BatchNorm2d&lt;float>(3);
/// var images = Tensor&lt;float>.RandomNormal([8, 3, 16, 16], seed: 1, mean: 5);
/// Tensor&lt;float> y = norm.Forward(images);
/// Tensor&lt;float> imageGradient = norm.Backward(y);  // the gradient of Σ y² / 2
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels, C of [N, C, H, W]; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0. The default is 1e-5.</param>
/// <param name="momentum">
/// The share of the new batch in the running statistics, in [0, 1]; the default is 0.1. Null is the cumulative average of all batches.
/// </param>
/// <param name="affine">Whether there are γ and β; the default is true.</param>
/// <param name="trackRunningStatistics">
/// Whether the layer keeps running statistics; the default is true. Without them evaluation uses the statistics of its own batch.
/// </param>
/// <exception cref="ArgumentOutOfRangeException">
/// <paramref name="numFeatures"/> is not positive, ε is negative or not finite, or the momentum lies outside [0, 1].
/// </exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class BatchNorm2d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStatistics = true)
    : BatchNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        ShapeOf(shape).Batch(shape.Length == 4, "H, W").InVirtualBatches(VirtualBatchSize);
}
