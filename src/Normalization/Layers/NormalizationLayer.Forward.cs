using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

public abstract partial class NormalizationLayer<T>
{
    /// <summary>Normalizes a tensor into a new one.</summary>
    /// <param name="input">The input, of a shape that the layer accepts; an empty one gives an empty output.</param>
    /// <returns>The output, of the input's shape.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">The input's shape does not fit the layer, or a channel has one value in training.</exception>
    public Tensor<T> Forward(Tensor<T> input)
    {
        PassMode<T> mode = Decide();
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        ArgumentNullException.ThrowIfNull(input);
        Tensor<T> output = Tensor<T>.Uninitialized(input.Shape);
        Forward(input, output);
        return output;
    }

    /// <summary>Normalizes a tensor into another one, without allocating.</summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output; in evaluation mode it may be exactly the input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, memory overlaps, or a channel has one value in training.</exception>
    public virtual void Forward(Tensor<T> input, Tensor<T> output)
    {
        PassMode<T> mode = Decide();
        mode = mode with { Context = mode.IsTraining ? _remembered : null };
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        Run(input, output, mode);
    }

    /// <summary>Normalizes a tensor and remembers the pass in a context instead of in the layer.</summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output; it must not overlap the input, which the backward pass needs.</param>
    /// <param name="context">Receives what the backward pass needs.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, memory overlaps, or a channel has one value in training.</exception>
    public void Forward(Tensor<T> input, Tensor<T> output, ForwardContext<T> context)
    {
        PassMode<T> mode = Decide() with { Context = context };
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        ArgumentNullException.ThrowIfNull(context);
        Run(input, output, mode);
    }

    private void Run(Tensor<T> input, Tensor<T> output, in PassMode<T> mode)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(mode.Context);
        Plan plan = Describe(input.Shape, mode);
        GuardShape(output, input.Shape, nameof(output));
        Run(plan, input.Shape, input.Span, output.Span, mode, input);
    }

    /// <summary>
    /// Normalizes memory of the planned size. A context remembers the input where it is a tensor, and no input otherwise.
    /// </summary>
    private void Run(in Plan plan, ReadOnlySpan<int> shape, ReadOnlySpan<T> x, Span<T> y, in PassMode<T> mode, Tensor<T>? remembered)
    {
        ReadOnlySpan<T> weight = ValueOf(Weight), bias = ValueOf(Bias);
        GuardSizes(plan, x, weight, bias);
        GuardBuffers(y);
        NormalizationPrimitives.GuardForward(x, y, weight, bias, "input", "output");
        if (mode.Context is not null && x.Overlaps(y))
        {
            throw Guard.InputError(
                "output overlaps input, which the backward pass needs; pass another output, or call Eval() first if there is no backward "
                    + "pass.",
                "output");
        }
        if (mode.Ranks is not null)
        {
            RunTogether(plan, shape, x, y, weight, bias, mode, remembered);
            return;
        }
        int groups = x.IsEmpty ? 0 : plan.StatisticsCount;
        bool isPooled = mode.Context is null && groups > NormalizationPrimitives.GroupsOnStack;
        using Scratch<GroupStatistics> scratch = isPooled ? new(groups) : default;
        scoped Span<GroupStatistics> statistics =
            mode.Context is not null ? mode.Context.Reserve(shape.Length, groups)
            : isPooled ? scratch.Span
            : (stackalloc GroupStatistics[NormalizationPrimitives.GroupsOnStack])[..groups];
        if (mode.Fixed is FixedStatistics<T> given)
            RunningStatistics.Fix<T>(given.Mean.Span, given.Variance.Span, Epsilon, statistics);
        Launch.Forward(plan, x, weight, bias, Epsilon, statistics, mode.HasFixedStatistics, y);
        if (mode.MovesRunningStatistics)
            OnInputStatistics(new(statistics, plan.ElementsPerGroup));
        mode.Context?.Remember(this, plan, shape, x, remembered, groups, mode, plan.ElementsPerGroup);
    }

    /// <summary>Training with the statistics of all ranks. Nothing is written before they have agreed.</summary>
    private void RunTogether(
        in Plan plan,
        ReadOnlySpan<int> shape,
        ReadOnlySpan<T> x,
        Span<T> y,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        in PassMode<T> mode,
        Tensor<T>? remembered)
    {
        ForwardContext<T> context = mode.Context!;
        Span<GroupStatistics> statistics = context.Reserve(shape.Length, plan.StatisticsCount);
        Launch.Moments(plan, x, statistics);
        double elements = mode.Ranks!.MergeMoments<T>(statistics, plan.ElementsPerGroup, Epsilon);
        if (elements == 1)
        {
            throw Guard.InputError(
                "Batch statistics need more than one value per channel, and all ranks together have one: the variance would be 0. Use a "
                    + "larger batch, or the running statistics by Eval() or UseRunningStatistics.");
        }
        statistics = elements == 0 ? default : statistics;
        Launch.Forward(plan, x, weight, bias, Epsilon, statistics, hasFixedStatistics: true, y);
        OnInputStatistics(new(statistics, elements));
        context.Remember(this, plan, shape, x, remembered, statistics.Length, mode, elements);
    }
}
