using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>How many threads the layers and the primitives use.</summary>
/// <example>
/// <code>
/// // A server that works on many requests at once: each call stays on the thread of its request.
/// NormalizationParallelism.MaxDegree = 1;
/// </code>
/// </example>
public static class NormalizationParallelism
{
    /// <summary>
    /// Gets or sets the largest number of threads that work on one call, including the thread of the caller. The default is the number of
    /// processors; a server that parallelizes over requests sets 1. A call with a small input uses fewer threads: one thread below 256 KiB
    /// of input, and from there on one thread for each 64 KiB. <see cref="int.MaxValue"/> sets no limit; more than 1,024 threads never work
    /// on one call. The results are the same bits for every value.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive.</exception>
    public static int MaxDegree
    {
        get => Partition.MaxDegree;
        set
        {
            Guard.Positive(value, nameof(MaxDegree));
            Partition.MaxDegree = value;
        }
    }
}
