using System.Numerics;

namespace Normalization;

/// <summary>
/// Instance normalization of [N, C, ...]: y = (x - μ) / √(σ² + ε) · γ + β with the statistics of each channel of each sample, and
/// one γ and β for each channel. σ² is the biased variance.
/// </summary>
/// <remarks>
/// By default there are neither coefficients nor running statistics, and evaluation computes what training does. With running
/// statistics training moves them by the mean over the samples, with the unbiased variance, and evaluation uses them. Ulyanov,
/// Vedaldi, Lempitsky: Instance Normalization: The Missing Ingredient for Fast Stylization, 2016, arXiv:1607.08022.
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels C; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0.</param>
/// <param name="momentum">The share of the new batch in the running statistics, in [0, 1]; null for the cumulative average.</param>
/// <param name="affine">Whether there are γ and β.</param>
/// <param name="trackRunningStatistics">Whether running statistics are kept and used in evaluation.</param>
/// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public class InstanceNorm<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : RunningStatisticsLayer<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    internal override bool HasStatisticsOfSamples => true;

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape)
    {
        InputShape.RequireChannels(shape, 1, NumFeatures, shape.Length >= 3, "[N, {0}, ...] of rank 3 or more");
        return NormalizationPlan.Groups(shape[0], NumFeatures, Shape.Product(shape, 2), NumFeatures);
    }

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

/// <summary>Instance normalization of [N, C, L] or, unbatched, [C, L].</summary>
/// <inheritdoc cref="InstanceNorm{T}"/>
public sealed class InstanceNorm1d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        InputShape.Instances(shape, NumFeatures, 3, "[N, {0}, L] or [{0}, L]");
}

/// <summary>Instance normalization of [N, C, H, W] or, unbatched, [C, H, W].</summary>
/// <inheritdoc cref="InstanceNorm{T}"/>
public sealed class InstanceNorm2d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        InputShape.Instances(shape, NumFeatures, 4, "[N, {0}, H, W] or [{0}, H, W]");
}

/// <summary>Instance normalization of [N, C, D, H, W] or, unbatched, [C, D, H, W].</summary>
/// <inheritdoc cref="InstanceNorm{T}"/>
public sealed class InstanceNorm3d<T>(
    int numFeatures, double epsilon = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStatistics = false)
    : InstanceNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        InputShape.Instances(shape, NumFeatures, 5, "[N, {0}, D, H, W] or [{0}, D, H, W]");
}
