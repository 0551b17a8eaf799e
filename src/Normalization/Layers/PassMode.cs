using System.Numerics;

namespace Normalization;

/// <summary>
/// What a forward pass does, decided once before the pass begins. The pass reads this value and not the layer, because another thread
/// may switch the layer during the pass.
/// </summary>
/// <param name="IsTraining">The layer is in training mode.</param>
/// <param name="Fixed">The statistics, where they do not depend on the input.</param>
/// <param name="Ranks">The ranks that share the statistics of this pass, if there are any.</param>
internal readonly record struct PassMode<T>(bool IsTraining, FixedStatistics<T>? Fixed = null, Synchronization? Ranks = null)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets a value indicating whether the statistics do not depend on the input.</summary>
    public bool HasFixedStatistics => Fixed is not null;

    /// <summary>Gets a value indicating whether the layer, or its observer, follows the statistics of this pass.</summary>
    public bool MovesRunningStatistics { get; init; }

    /// <summary>Gets what gathers the statistics of this pass instead of the layer, if anything does.</summary>
    public StatisticsAccumulator? Observer { get; init; }

    /// <summary>Gets the batch that the input is a part of, if the statistics are those of several parts.</summary>
    public MicroBatches<T>? Batch { get; init; }

    /// <summary>Gets a value indicating whether the statistics are not those of the input alone.</summary>
    public bool IsShared => Ranks is not null || Batch is not null;

    /// <summary>Gets a value indicating whether the pass is the one that the context remembers, done again.</summary>
    public bool IsRecomputation { get; init; }
}
