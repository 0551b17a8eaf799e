using System.Numerics;

namespace Normalization;

/// <summary>Statistics of each channel that do not depend on the input, such as running ones.</summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly struct FixedStatistics<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Takes a mean and a variance for each channel, without a copy.</summary>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="variance">The variance of each channel; at least 0.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public FixedStatistics(Tensor<T> mean, Tensor<T> variance)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(variance);
        (Mean, Variance) = (mean, variance);
    }

    /// <summary>Gets the mean of each channel.</summary>
    public Tensor<T> Mean { get; }

    /// <summary>Gets the variance of each channel.</summary>
    public Tensor<T> Variance { get; }
}
