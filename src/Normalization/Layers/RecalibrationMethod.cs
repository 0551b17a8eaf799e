namespace Normalization;

/// <summary>How a <see cref="Recalibration{T}"/> makes the statistics of a population out of those of its batches.</summary>
public enum RecalibrationMethod
{
    /// <summary>
    /// The mean and the variance of all elements of a channel, as if all samples were one batch. The sizes of the batches and their order
    /// have no effect. For InstanceNorm, whose samples have statistics of their own: the mean over all samples of their means and of
    /// their variances.
    /// </summary>
    Pooled,

    /// <summary>
    /// The mean over the batches of their means and of their unbiased variances, as in the BatchNorm paper: E[x] = E[μ] and Var[x] =
    /// m / (m - 1) · E[σ²] for batches of m elements in each channel. The variance between the means of the batches is not in it. Each
    /// batch has the same weight, also one of another size. For InstanceNorm the same as <see cref="Pooled"/>.
    /// </summary>
    BatchAverage,
}
