using Normalization.Kernels.Plans;

namespace Normalization;

/// <content>Parts of a batch, for <see cref="MicroBatches{T}"/>.</content>
public abstract partial class NormalizationLayer<T>
{
    /// <summary>The plan of a part whose statistics are to be taken.</summary>
    internal Plan DescribePart(Tensor<T> input)
    {
        if (!IsTraining || FixedStatisticsFor(isTraining: true) is not null)
        {
            throw new InvalidOperationException(
                "The layer uses its running statistics, and parts of a batch need nothing from each other: call Forward alone.");
        }
        Plan plan = PlanFor(input.Shape).Plan;
        if (plan.Statistics != StatisticsSharing.Channel)
            throw new InvalidOperationException("Only statistics of channels over the batch can be those of several parts.");
        GuardSizes(plan, input.Span, default, default);
        return plan;
    }

    /// <summary>The input of a part whose gradient is observed, if all is as the context remembers it.</summary>
    internal ReadOnlySpan<T> GuardPart(Tensor<T> outputGradient, ForwardContext<T> context)
    {
        ReadOnlySpan<T> x = GuardRemembered(context).Span;
        GuardShape(outputGradient, context.Shape, nameof(outputGradient));
        GuardSizes(context.Plan, x, default, default);
        context.GuardUnchanged(x);
        return x;
    }
}
