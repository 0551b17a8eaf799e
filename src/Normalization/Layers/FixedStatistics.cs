using System.Numerics;

namespace Normalization;

/// <summary>Statistics of each channel that do not depend on the input, such as running ones.</summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="Mean">The mean of each channel.</param>
/// <param name="Variance">The variance of each channel.</param>
public readonly record struct FixedStatistics<T>(Tensor<T> Mean, Tensor<T> Variance)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>;
