using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization;

public abstract partial class NormalizationLayer<T>
{
    /// <summary>Goes backward through the last forward pass in training mode; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <returns>The gradient of the input.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="outputGradient"/> is null.</exception>
    /// <exception cref="ArgumentException">The shape is not that of the forward pass.</exception>
    /// <exception cref="InvalidOperationException">
    /// No forward pass is remembered, the layer is in evaluation mode, or the input has changed since the forward pass.
    /// </exception>
    public Tensor<T> Backward(Tensor<T> outputGradient)
    {
        using Synchronization.Call call = Synchronization.BeginBackward(RanksOf(_remembered));
        ArgumentNullException.ThrowIfNull(outputGradient);
        Tensor<T> inputGradient = Tensor<T>.Uninitialized(outputGradient.Shape);
        Backward(outputGradient, inputGradient);
        return inputGradient;
    }

    /// <summary>
    /// Goes backward through the last forward pass in training mode, without allocating; adds to the gradients of the parameters.
    /// </summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="inputGradient">Receives the gradient of the input; may be exactly the gradient of the output.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">
    /// No forward pass is remembered, the layer is in evaluation mode, or the input has changed since the forward pass.
    /// </exception>
    public void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient) => Backward(outputGradient, inputGradient, _remembered);

    /// <summary>Goes backward through the forward pass that a context remembers; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="inputGradient">Receives the gradient of the input; may be exactly the gradient of the output.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">
    /// The context remembers no forward pass of this layer, the input has changed since then, or another thread is in a pass with the
    /// context.
    /// </exception>
    [OverloadResolutionPriority(1)]
    public void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context)
    {
        using Synchronization.Call call = Synchronization.BeginBackward(RanksOf(context));
        RunBackward(outputGradient, inputGradient, context);
    }

    /// <summary>
    /// Does the work of every backward pass, whichever overload it came by. The base class writes the gradient of the input and adds to
    /// those of γ and β. A layer that has overridden <see cref="ForwardCore"/> overrides it and calls it, for the whole pass or for the
    /// parts that the forward pass had.
    /// </summary>
    /// <remarks>
    /// The call comes when the shapes, the memory and the unchanged input have been checked, and the context belongs to this pass alone.
    /// </remarks>
    /// <param name="pass">The pass.</param>
    /// <exception cref="ArgumentException">A part does not have the size of its forward pass, or its memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">The context of a part remembers no forward pass of this layer.</exception>
    protected virtual void BackwardCore(in BackwardPass<T> pass)
    {
        bool isHeld = pass.Holder == this;
        using Synchronization.Call call = Synchronization.BeginBackward(isHeld ? null : RanksOf(pass.Context));
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(isHeld ? null : pass.Context);
        GuardOwner(pass.Context);
        if (!isHeld || !pass.IsChecked)
            GuardBackward(pass);
        Differentiate(pass);
    }

    /// <summary>The ranks that wait for a backward pass of this context, or of the one that should have been passed.</summary>
    private Synchronization? RanksOf(ForwardContext<T>? context) =>
        context?.Owner != this ? Decide().Ranks
        : context.Batch is null ? context.Ranks
        : context.Batch.HasTotals ? null : Ranks;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunBackward(
        Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context, in BackwardOptions<T> options = default)
    {
        ArgumentNullException.ThrowIfNull(outputGradient);
        ArgumentNullException.ThrowIfNull(inputGradient);
        ArgumentNullException.ThrowIfNull(context);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Tensor<T> input = GuardRemembered(context);
        GuardShape(outputGradient, context.Shape, nameof(outputGradient));
        GuardShape(inputGradient, context.Shape, nameof(inputGradient));
        if (context.Terms.IsAny || options.IsAny)
            BeginBackward(input, outputGradient, inputGradient, context, options);
        else
            BeginBackward(input, outputGradient, inputGradient, context);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void BeginBackward(Tensor<T> input, Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context)
    {
        BackwardPass<T> pass = new(context, input.Span, outputGradient.Span, inputGradient.Span, holder: this, isChecked: true);
        RunBackward(pass);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void BeginBackward(
        Tensor<T> input, Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context, in BackwardOptions<T> options)
    {
        GuardOptions(context, options);
        BackwardTerms<T> terms = context.Terms.With(options);
        BackwardPass<T> pass = new(context, input.Span, outputGradient.Span, inputGradient.Span, terms, holder: this, isChecked: true);
        RunBackward(pass);
    }

    private void RunBackward(in BackwardPass<T> pass)
    {
        GuardBackward(pass);
        BackwardCore(pass);
    }

    private void GuardBackward(in BackwardPass<T> pass)
    {
        const string InputGradient = "inputGradient";
        ReadOnlySpan<T> x = pass.Input;
        Span<T> dx = pass.InputGradient, weightGradient = GradientOf(Weight);
        Guard.Length(x, Shape.Product(pass.Shape, 0), "input", "the product of its shape");
        GuardBuffers(dx);
        Guard.Apart(dx, ValueOf(Bias), InputGradient, nameof(Bias));
        // The gradients of frozen parameters count too: they must stay untouched.
        NormalizationPrimitives.GuardBackward(
            x, pass.OutputGradient, ValueOf(Weight), dx, weightGradient, GradientOf(Bias), "input", "outputGradient", InputGradient);
        if (pass.Terms.IsAny)
        {
            if (pass.Context.Batch is not null)
                throw new InvalidOperationException("MicroBatches take no gradient of a sum. Add it behind the layer.");
            GuardBuffers(pass.Terms.SkipGradient);
            GuardBuffers(pass.Terms.ScaleGradient);
            GuardBuffers(pass.Terms.ShiftGradient);
            FusedGuard.Backward(
                pass.Context.Plan, pass.Terms, x, pass.OutputGradient, dx, ValueOf(Weight), ValueOf(Bias), weightGradient,
                GradientOf(Bias));
        }
        // With fixed statistics only the gradients of γ and of what follows the norm depend on the input.
        bool changesGradient =
            Activation != Activation.None || (pass.Terms.IsAny && FusedGuard.Fuse(pass.Terms, Activation).ChangesGradient);
        if (!pass.Context.HasFixedStatistics || changesGradient || Weight is { RequiresGradient: true })
            pass.Context.GuardUnchanged(x);
    }

    private void Differentiate(in BackwardPass<T> pass)
    {
        ForwardContext<T> context = pass.Context;
        ref readonly Plan plan = ref context.Plan;
        Span<GroupStatistics> statistics = context.Statistics;
        ReadOnlySpan<T> x = pass.Input, dy = pass.OutputGradient;
        Span<T> dx = pass.InputGradient, weightGradient = GradientOf(Weight), biasGradient = GradientOf(Bias);
        GuardSizes(plan, x, ValueOf(Weight), ValueOf(Bias));
        Guard.LengthOrEmpty<T>(weightGradient, plan.Parameters, nameof(Weight), "the number of parameters");
        Guard.LengthOrEmpty<T>(biasGradient, plan.Parameters, nameof(Bias), "the number of parameters");
        Guard.LengthOrEmpty<GroupStatistics>(statistics, plan.StatisticsCount, nameof(context), "the number of groups");
        weightGradient = Weight is { RequiresGradient: true } ? weightGradient : default;
        biasGradient = Bias is { RequiresGradient: true } ? biasGradient : default;
        if (context.Batch is MicroBatches<T> batch)
        {
            batch.GuardPart(context);
            batch.GuardGradients();
        }
        if (!context.Correction.IsEmpty)
        {
            DifferentiateCorrected(pass, ValueOf(Weight), weightGradient, biasGradient);
            return;
        }
        using Scratch<T> pooled = RentWeight();
        ReadOnlySpan<T> weight = EffectiveWeight(pooled.Span);
        if (pass.Terms.IsAny || Activation != Activation.None || context.HasPositions || context.Ranks is not null
            || context.Batch is not null)
        {
            DifferentiateFused(pass, weight, weightGradient, biasGradient);
            return;
        }
        Launch.Backward(plan, x, dy, weight, statistics, context.HasFixedStatistics, dx, weightGradient, biasGradient);
    }

    /// <summary>The same with something before the norm or behind it, over valid positions, or with others.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void DifferentiateFused(
        in BackwardPass<T> pass, ReadOnlySpan<T> weight, Span<T> weightGradient, Span<T> biasGradient)
    {
        ForwardContext<T> context = pass.Context;
        FusedTerms<T> terms = FusedGuard.Fuse(pass.Terms, Activation);
        FusedGradients<T> gradients = new()
        {
            Skip = pass.Terms.SkipGradient,
            Scale = pass.Terms.ScaleGradient,
            Shift = pass.Terms.ShiftGradient,
        };
        if (context.HasPositions)
        {
            DifferentiateMasked(pass, terms, gradients, weight, weightGradient, biasGradient);
            return;
        }
        if (context.Ranks is not null || context.Batch is not null)
        {
            DifferentiateTogether(pass, terms, gradients, weight, weightGradient, biasGradient);
            return;
        }
        FusedLaunch.Backward(
            context.Plan, pass.Input, pass.OutputGradient, weight, ValueOf(Bias), Epsilon, context.Statistics, context.HasFixedStatistics,
            terms, gradients, pass.Terms.SumGradient, pass.InputGradient, weightGradient, biasGradient);
    }

    private Tensor<T> GuardRemembered(ForwardContext<T> context)
    {
        if (context == _remembered && !IsTraining)
        {
            throw new InvalidOperationException(
                "The layer is in evaluation mode, in which Forward remembers nothing. Call Train() before Forward, or pass a "
                    + "ForwardContext to Forward and to Backward.");
        }
        GuardOwner(context);
        if (context.Input is not Tensor<T> input)
        {
            throw new InvalidOperationException(
                "The context remembers a forward pass without its input: the pass was on tensor spans, or the input was released. Pass the "
                    + "input to Backward again, or repeat the forward pass with IsRecomputation.");
        }
        return input;
    }

    private protected void GuardOwner(ForwardContext<T> context)
    {
        if (context.Owner != this)
        {
            throw new InvalidOperationException(
                context.Owner is null
                    ? "No forward pass is remembered. Call Forward in training mode first, or pass the ForwardContext of a forward pass."
                    : "The context remembers a forward pass of another layer.");
        }
    }
}
