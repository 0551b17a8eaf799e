using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

public abstract partial class NormalizationLayer<T>
{
    /// <summary>Normalizes a tensor into a new one.</summary>
    /// <param name="input">The input, of a shape that the layer accepts; an empty input gives an empty output.</param>
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
    public void Forward(Tensor<T> input, Tensor<T> output)
    {
        PassMode<T> mode = Decide();
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        Run(input, output, mode, mode.IsTraining ? _remembered : null);
    }

    /// <summary>Normalizes a tensor and remembers the pass in a context instead of in the layer.</summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output; it must not overlap the input, which the backward pass needs.</param>
    /// <param name="context">Receives what the backward pass needs.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, memory overlaps, or a channel has one value in training.</exception>
    [OverloadResolutionPriority(1)]
    public void Forward(Tensor<T> input, Tensor<T> output, ForwardContext<T> context)
    {
        PassMode<T> mode = Decide(context);
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        ArgumentNullException.ThrowIfNull(context);
        Run(input, output, mode, context);
    }

    /// <summary>
    /// Does the work of every forward pass, whichever overload it came by. The base class normalizes the input into the output. A layer
    /// that does more overrides it and calls it, for the whole pass or for parts of it.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The call comes when the shape and the memory have been checked, and the context belongs to this pass alone. What the layer keeps
    /// for its backward pass belongs into <see cref="ForwardContext{T}.LayerData"/>: the layer may be used several times before.
    /// </para>
    /// <para>In evaluation without a context, several threads may be in a pass at once: write only to the output.</para>
    /// </remarks>
    /// <param name="pass">The pass.</param>
    /// <exception cref="ArgumentException">A part does not fit the layer, or its memory overlaps.</exception>
    protected virtual void ForwardCore(in ForwardPass<T> pass)
    {
        if (pass.CheckedBy == this)
        {
            Normalize(pass, pass.Plan);
            return;
        }
        using Synchronization.Call call = Synchronization.BeginForward(pass.Mode.Ranks);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(pass.Context);
        Plan plan = Describe(pass.Shape, pass.Mode, pass.Context);
        GuardForward(pass, plan);
        Normalize(pass, plan);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Run(
        Tensor<T> input, Tensor<T> output, in PassMode<T> mode, ForwardContext<T>? context, in ForwardOptions<T> options = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Plan plan = Describe(input.Shape, mode, context);
        GuardShape(output, input.Shape, nameof(output));
        if (options.IsAny)
            Begin(input, output, mode, plan, context, options);
        else
            Begin(input, output, mode, plan, context);
    }

    // The compiler makes a pass in its place only where no try block surrounds it; elsewhere it makes a copy, which costs as much as the
    // checks of a short row.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Begin(Tensor<T> input, Tensor<T> output, in PassMode<T> mode, in Plan plan, ForwardContext<T>? context)
    {
        ForwardPass<T> pass = new(in mode, in plan, context, input.Shape, input.Span, output.Span, this, input);
        Run(pass);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Begin(
        Tensor<T> input,
        Tensor<T> output,
        in PassMode<T> mode,
        in Plan plan,
        ForwardContext<T>? context,
        in ForwardOptions<T> options)
    {
        ForwardTerms<T> terms = GuardedTerms(plan, input.Shape, options);
        RememberedTerms<T> remembered = new(options);
        Tensor<T> source = options.Residual is null ? input : options.Sum ?? input;
        ForwardPass<T> pass = new(in mode, in plan, context, input.Shape, input.Span, output.Span, terms, this, source, remembered);
        Run(pass);
    }

    private void Run(in ForwardPass<T> pass)
    {
        ForwardContext<T>? context = pass.Context;
        GuardForward(pass, pass.Plan);
        context?.Reserve(pass.Shape.Length, 0);
        int remembered = context?.PassCount ?? 0;
        ForwardCore(pass);
        if (pass.Mode.IsRecomputation)
        {
            context!.Recall(pass);
            return;
        }
        // A layer that went through its input in parts has statistics in the contexts of the parts.
        if (context?.PassCount == remembered)
            context.Remember(this, default, pass, groups: 0, elementsPerGroup: 0);
    }

    private void Normalize(in ForwardPass<T> pass, in Plan plan)
    {
        ref readonly PassMode<T> mode = ref pass.Mode;
        ForwardContext<T>? context = pass.Context;
        ReadOnlySpan<T> x = pass.Input, bias = ValueOf(Bias);
        GuardSizes(plan, x, ValueOf(Weight), bias);
        using Scratch<T> pooled = RentWeight();
        ReadOnlySpan<T> weight = EffectiveWeight(pooled.Span);
        if (mode.IsRecomputation ? context!.HasPositions : pass.Terms.HasPositions && plan.Elements > 0)
        {
            NormalizeMasked(pass, plan, weight, bias);
            return;
        }
        if (mode.IsRecomputation)
        {
            NormalizeAgain(pass, plan, weight, bias);
            return;
        }
        bool corrects = mode.IsTraining && !mode.HasFixedStatistics && CorrectsInput;
        int groups = x.IsEmpty && !mode.IsShared ? 0 : plan.StatisticsCount;
        bool isPooled = context is null && groups > NormalizationPrimitives.GroupsOnStack;
        using Scratch<GroupStatistics> scratch = isPooled ? new(groups) : default;
        scoped Span<GroupStatistics> statistics =
            context is not null ? context.Reserve(pass.Shape.Length, groups)
            : isPooled ? scratch.Span
            : (stackalloc GroupStatistics[NormalizationPrimitives.GroupsOnStack])[..groups];
        if (mode.IsShared || corrects)
        {
            NormalizeInTwoSteps(pass, plan, weight, bias, statistics, corrects);
            return;
        }
        if (mode.Fixed is FixedStatistics<T> given)
            RunningStatistics.Fix<T>(given.Mean.Span, given.Variance.Span, Epsilon, statistics);
        NormalizeWith(pass, plan, weight, bias, statistics, mode.HasFixedStatistics);
        for (int piece = 0; mode.MovesRunningStatistics && piece < plan.PieceCount; piece++)
            Follow(mode, new(Pieces.Of(plan, piece, statistics), plan.Piece(piece).ElementsPerGroup));
        context?.Remember(this, plan, pass, groups, plan.ElementsPerGroup);
    }

    /// <summary>
    /// Training with the statistics of all ranks, or of all parts of a batch, or with what corrects x̂ by them: statistics first, then the
    /// output. Nothing is written before the ranks have agreed.
    /// </summary>
    private void NormalizeInTwoSteps(
        in ForwardPass<T> pass,
        in Plan plan,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        bool corrects)
    {
        ref readonly PassMode<T> mode = ref pass.Mode;
        if (corrects)
            GuardCorrection(plan, mode);
        (double elements, double effective) = Share(plan, pass, statistics);
        GuardEffective(elements, effective, mode.Batch is null ? "ranks" : "parts");
        statistics = elements == 0 ? default : statistics;
        if (corrects)
            NormalizeCorrected(pass, plan, weight, bias, statistics, elements);
        else
            NormalizeWith(pass, plan, weight, bias, statistics, hasFixedStatistics: true);
        if (mode.Batch is null || mode.Batch.CountNormalized(plan.ElementsPerGroup))
            Follow(mode, new(statistics, elements, effective));
        pass.Context?.Remember(this, plan, pass, statistics.Length, elements);
    }

    /// <summary>
    /// Fills the statistics of all that the input is a part of, and returns how many elements each channel has there, and how many of equal
    /// weight they are as good as.
    /// </summary>
    private (double Elements, double Effective) Share(in Plan plan, in ForwardPass<T> pass, Span<GroupStatistics> statistics)
    {
        ref readonly PassMode<T> mode = ref pass.Mode;
        if (mode.Batch is not null)
        {
            mode.Batch.Merge(mode.Ranks, Epsilon).CopyTo(statistics);
            return (mode.Batch.Elements, mode.Batch.Elements);
        }
        if (mode.Ranks is null)
        {
            Launch.Forward(plan, pass.Input, default, default, Epsilon, statistics, hasFixedStatistics: false, default);
            return (plan.ElementsPerGroup, plan.ElementsPerGroup);
        }
        using Scratch<T> sum = pass.Terms.Residual.IsEmpty ? default : new(pass.Input.Length);
        if (!sum.Span.IsEmpty)
            FusedLaunch.Add(pass.Input, pass.Terms.Residual, sum.Span);
        Launch.Moments(plan, sum.Span.IsEmpty ? pass.Input : sum.Span, statistics);
        return mode.Ranks.MergeMoments<T>(statistics, plan.ElementsPerGroup, plan.ElementsPerGroup, Epsilon);
    }

    /// <summary>Hands the statistics of a pass to whoever follows them.</summary>
    private void Follow(in PassMode<T> mode, InputStatistics statistics)
    {
        if (!mode.MovesRunningStatistics)
            return;
        if (mode.Observer is not null)
            mode.Observer.Add(statistics);
        else
            OnInputStatistics(statistics);
    }

    /// <summary>The plan of the remembered pass, which is done again.</summary>
    private Plan PlanAgain(ForwardContext<T> context, ReadOnlySpan<int> shape)
    {
        GuardOwner(context);
        return shape.SequenceEqual(context.Shape)
            ? context.Plan
            : throw Guard.InputError(
                $"expected the input {Shape.Format(context.Shape)} of the pass that the context remembers, got {Shape.Format(shape)}");
    }

    /// <summary>
    /// The output of the remembered pass once more. Statistics that come from elsewhere are taken from the context; those of the input
    /// are taken again, which gives the same bits.
    /// </summary>
    private void NormalizeAgain(in ForwardPass<T> pass, in Plan plan, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
    {
        ForwardContext<T> context = pass.Context!;
        if (!context.Correction.IsEmpty)
        {
            NormalizeCorrected(pass, plan, weight, bias, context.Statistics, context.Correction);
            return;
        }
        bool isGiven = context.HasFixedStatistics || context.Ranks is not null || context.Batch is not null;
        Span<GroupStatistics> statistics = isGiven ? context.Statistics : context.Reserve(pass.Shape.Length, context.GroupCount);
        NormalizeWith(pass, plan, weight, bias, statistics, isGiven);
    }

    private void NormalizeWith(
        in ForwardPass<T> pass,
        in Plan plan,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics)
    {
        Span<T> sum = pass.Terms.Sum.IsEmpty ? pass.Output : pass.Terms.Sum;
        FusedTerms<T> terms = FusedGuard.Fuse(pass.Terms, Activation);
        FusedLaunch.Forward(
            plan, pass.Input, pass.Terms.Residual, sum, weight, bias, Epsilon, statistics, hasFixedStatistics, terms, pass.Output);
    }
}
