using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <content>Passes with something before the norm or behind it.</content>
public abstract partial class NormalizationLayer<T>
{
    private readonly Activation _activation;

    /// <summary>
    /// Gets what the layer does with each value behind the norm, before it writes the value; initially nothing. It is set where the layer
    /// is made and is not a part of the state.
    /// </summary>
    /// <remarks>A layer that overrides <see cref="ForwardCore"/> gets it with the result of the base class.</remarks>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm2d&lt;float>(64) { Activation = Activation.Relu };
    /// </code>
    /// </example>
    /// <exception cref="ArgumentOutOfRangeException">There is no such activation.</exception>
    public Activation Activation
    {
        get => _activation;
        init
        {
            FusedGuard.Activation(value);
            _activation = value;
        }
    }

    /// <summary>
    /// Normalizes a tensor, with whatever the options add: a residual before the norm; a scale and a shift of each sample, a skip and the
    /// <see cref="Activation"/> behind it. It allocates nothing in the steady state.
    /// </summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">
    /// Receives the output. It may be exactly the input or the residual, unless a backward pass needs that memory.
    /// </param>
    /// <param name="options">What else the pass does.</param>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> or <paramref name="output"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape does not fit, memory overlaps, a channel has one value in training, or a backward pass needs the sum and there is none.
    /// </exception>
    public void Forward(Tensor<T> input, Tensor<T> output, in ForwardOptions<T> options)
    {
        PassMode<T> mode = Decide(options.Context);
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        Run(input, output, mode, options.Context ?? (mode.IsTraining ? _remembered : null), options);
    }

    /// <summary>
    /// Normalizes a tensor span, with whatever the terms add, without copying or allocating. A context remembers the pass, except for the
    /// input and the terms.
    /// </summary>
    /// <param name="input">The input, dense and row-major, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output, dense and row-major.</param>
    /// <param name="terms">What else the pass does.</param>
    /// <param name="context">Receives the statistics that the backward pass needs; null in evaluation, if there is none.</param>
    /// <exception cref="ArgumentException">
    /// A shape or a length does not fit, a span is strided, memory overlaps, or a backward pass needs the sum and there is none.
    /// </exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode, and there is no context.</exception>
    public void Forward(
        in ReadOnlyTensorSpan<T> input, in TensorSpan<T> output, in ForwardTerms<T> terms, ForwardContext<T>? context = null)
    {
        PassMode<T> mode = Decide(context);
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        GuardSpanMode(mode.IsTraining, context);
        Run(input, output, mode, context, terms);
    }

    /// <summary>
    /// Goes backward through a forward pass, with whatever the options add; adds to the gradients of the parameters. The terms of the
    /// forward pass, such as <see cref="ForwardOptions{T}.Skip"/>, are read again.
    /// </summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="inputGradient">
    /// Receives the gradient of the input, which is that of the residual too; may be exactly the gradient of the output or of the sum.
    /// </param>
    /// <param name="options">What else the pass does.</param>
    /// <exception cref="ArgumentNullException">A gradient is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape is not that of the forward pass, memory overlaps, or a gradient is wanted of a term that the forward pass did not have.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// No forward pass is remembered, the layer is in evaluation mode, or the input has changed since the forward pass.
    /// </exception>
    public void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient, in BackwardOptions<T> options)
    {
        ForwardContext<T> context = options.Context ?? _remembered;
        using Synchronization.Call call = Synchronization.BeginBackward(RanksOf(context));
        RunBackward(outputGradient, inputGradient, context, options);
    }

    /// <summary>
    /// Goes backward through the forward pass that a context remembers, with whatever the terms add, without copying or allocating; adds
    /// to the gradients of the parameters.
    /// </summary>
    /// <param name="input">What was normalized in that forward pass: its input or, where there was a residual, the sum.</param>
    /// <param name="outputGradient">The gradient of the output, dense and row-major.</param>
    /// <param name="inputGradient">
    /// Receives the gradient of the input, dense and row-major; may be exactly the gradient of the output or of the sum.
    /// </param>
    /// <param name="terms">The terms of the forward pass with the same values, and the gradients.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, a length or a term is not that of the forward pass, a span is strided, or memory overlaps.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The context remembers no forward pass of this layer, the input is not that of the forward pass, as far as a few of its elements
    /// show, or another thread is in a pass with the context.
    /// </exception>
    public void Backward(
        in ReadOnlyTensorSpan<T> input,
        in ReadOnlyTensorSpan<T> outputGradient,
        in TensorSpan<T> inputGradient,
        in BackwardTerms<T> terms,
        ForwardContext<T> context)
    {
        using Synchronization.Call call = Synchronization.BeginBackward(RanksOf(context));
        RunBackward(input, outputGradient, inputGradient, terms, context);
    }

    /// <summary>The terms, whose tensors have the shapes that the input asks for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ForwardTerms<T> GuardedTerms(in Plan plan, ReadOnlySpan<int> shape, in ForwardOptions<T> options)
    {
        GuardShapeOf(options.Residual, shape, nameof(options.Residual));
        GuardShapeOf(options.Sum, shape, nameof(options.Sum));
        GuardShapeOf(options.Skip, shape, nameof(options.Skip));
        GuardSamples(plan, shape, options.Scale, nameof(options.Scale));
        GuardSamples(plan, shape, options.Shift, nameof(options.Shift));
        GuardWeights(plan, shape, options.Weights);
        if (options is { Scale: not null, Shift: not null })
            GuardShape(options.Shift, options.Scale.Shape, nameof(options.Shift));
        return options.Terms;
    }

    private static void GuardOptions(ForwardContext<T> context, in BackwardOptions<T> options)
    {
        GuardShapeOf(options.SumGradient, context.Shape, nameof(options.SumGradient));
        GuardShapeOf(options.SkipGradient, context.Shape, nameof(options.SkipGradient));
        if (context.Terms.Scale is Tensor<T> scale)
            GuardShapeOf(options.ScaleGradient, scale.Shape, nameof(options.ScaleGradient));
        if (context.Terms.Shift is Tensor<T> shift)
            GuardShapeOf(options.ShiftGradient, shift.Shape, nameof(options.ShiftGradient));
    }

    private static void GuardRecomputation(in ForwardPass<T> pass)
    {
        ForwardContext<T> context = pass.Context!;
        if (!pass.Input.IsEmpty)
            context.Terms.Guard(pass.Terms);
        context.GuardSameInput(pass.Input);
    }

    private static void GuardShapeOf(Tensor<T>? tensor, ReadOnlySpan<int> expected, string name)
    {
        if (tensor is not null)
            GuardShape(tensor, expected, name);
    }

    /// <summary>A scale of each sample and channel; or of rows, whose samples are made of the first dimensions.</summary>
    private static void GuardSamples(in Plan plan, ReadOnlySpan<int> shape, Tensor<T>? coefficients, string name)
    {
        if (coefficients is null)
            return;
        if (plan.Order != MemoryOrder.Rows)
        {
            GuardShape(coefficients, [(int)plan.N, (int)plan.C], name);
            return;
        }
        long samples = coefficients.Rank == 0 || plan.S == 0 ? 0 : coefficients.Length / plan.S, leading = 1;
        bool fits = samples == 1 && coefficients.Length == plan.S;
        for (int i = 0; i < shape.Length && !fits; i++)
        {
            leading *= shape[i];
            fits = leading == samples && coefficients.Shape[0] == samples && coefficients.Length == samples * plan.S;
        }
        if (!fits)
        {
            throw new ArgumentException(
                $"expected {name} [samples, {plan.S}], where the samples are the first dimensions of the input {Shape.Format(shape)}, got "
                    + $"{Shape.Format(coefficients.Shape)}",
                name);
        }
    }

    /// <summary>Normalizes rows that lie one after another. Nothing is remembered, so the pass needs no more than its plan.</summary>
    private protected void ForwardRows(ReadOnlySpan<T> input, Span<T> output, int width, bool subtractMean)
    {
        GuardSpanMode(IsTraining, context: null);
        if (input.Length % width != 0)
            throw NotWholeRows(width, input.Length);
        Plan plan = Plan.Rows(input.Length / width, width, subtractMean);
        ReadOnlySpan<T> bias = ValueOf(Bias);
        GuardBuffers(output);
        NormalizationPrimitives.GuardForward(input, output, ValueOf(Weight), bias, "input", "output");
        GuardSizes(plan, input, ValueOf(Weight), bias);
        using Scratch<T> pooled = RentWeight();
        bool isPooled = plan.N > NormalizationPrimitives.GroupsOnStack;
        using Scratch<GroupStatistics> scratch = isPooled ? new(plan.N) : default;
        Span<GroupStatistics> statistics =
            isPooled ? scratch.Span : (stackalloc GroupStatistics[NormalizationPrimitives.GroupsOnStack])[..(int)plan.N];
        FusedLaunch.Forward(
            plan, input, default, default, EffectiveWeight(pooled.Span), bias, Epsilon, statistics, hasFixedStatistics: false,
            FusedGuard.Fuse<T>(Activation), output);
    }

    private static ArgumentException NotWholeRows(int width, int length) =>
        Guard.InputError($"expected input of rows of {width} elements, got {length} elements");

    /// <summary>
    /// γ as the kernels take it: with what is added to it (<see cref="AddedToWeight"/>), in pooled memory that must be as long.
    /// </summary>
    private ReadOnlySpan<T> EffectiveWeight(Span<T> pooled)
    {
        ReadOnlySpan<T> weight = ValueOf(Weight);
        if (pooled.IsEmpty)
            return weight;
        T added = T.CreateTruncating(AddedToWeight);
        for (int i = 0; i < pooled.Length; i++)
            pooled[i] = weight[i] + added;
        return pooled;
    }

    /// <summary>Memory for γ with what is added to it; none where nothing is.</summary>
    private Scratch<T> RentWeight() => AddedToWeight == 0 || Weight is null ? default : new(Weight.Value.Length);

    /// <summary>
    /// The input gradient uses the sums of all ranks and parts. The gradients of the parameters use the sums of this rank, once for all
    /// parts. Nothing is written before the ranks have agreed.
    /// </summary>
    private void DifferentiateTogether(
        in BackwardPass<T> pass,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients,
        ReadOnlySpan<T> weight,
        Span<T> weightGradient,
        Span<T> biasGradient)
    {
        ForwardContext<T> context = pass.Context;
        Plan plan = context.Plan;
        Span<GroupStatistics> statistics = context.Statistics;
        ReadOnlySpan<T> x = pass.Input, dy = pass.OutputGradient, bias = ValueOf(Bias), sumGradient = pass.Terms.SumGradient;
        if (context.Batch is MicroBatches<T> batch)
        {
            Span<Sums> all = batch.Total(batch.HasTotals ? null : Ranks, out ReadOnlySpan<Sums> ofParts);
            Launch.InputGradient(plan, x, dy, weight, statistics, all, context.ElementsPerGroup, pass.InputGradient);
            Launch.AddParameterGradients(statistics, ofParts, weightGradient, biasGradient);
            return;
        }
        using var scratch = new Scratch<Sums>((nint)2 * plan.StatisticsCount);
        Span<Sums> own = scratch.Span[..plan.StatisticsCount], total = scratch.Span[plan.StatisticsCount..];
        bool isApart = !terms.ChangesGradient && sumGradient.IsEmpty;
        using Scratch<T> pooled = isApart ? default : new(x.Length);
        ReadOnlySpan<T> gradient = dy;
        if (terms.ChangesGradient)
        {
            gradient = FusedLaunch.EpilogueBackward(plan, x, dy, weight, bias, Epsilon, statistics, terms, default, pooled.Span);
        }
        Launch.GradientSums(plan, x, gradient, statistics, own);
        context.Ranks!.AddSums(own, total, context.ElementsPerGroup);
        if (!terms.ChangesGradient && !gradients.Skip.IsEmpty)
            dy.CopyTo(gradients.Skip);
        else if (gradients.IsAny)
            FusedLaunch.WriteGradients(plan, x, dy, gradient, weight, bias, Epsilon, statistics, terms, gradients);
        Span<T> result = isApart ? pass.InputGradient : pooled.Span;
        Launch.InputGradient(plan, x, gradient, weight, statistics, total, context.ElementsPerGroup, result);
        if (plan.Elements > 0)
            Launch.AddParameterGradients(statistics, own, weightGradient, biasGradient);
        if (!sumGradient.IsEmpty)
            FusedLaunch.Add(result, sumGradient, pass.InputGradient);
        else if (!isApart)
            result.CopyTo(pass.InputGradient);
    }
}
