using System.Numerics.Tensors;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization;

public abstract partial class NormalizationLayer<T>
{
    private const int RankOnStack = 8;

    /// <summary>Normalizes a tensor span into another one in evaluation mode, without copying or allocating.</summary>
    /// <remarks>
    /// Training remembers its input, and a span cannot be remembered: use the overload with a context, or a <see cref="Tensor{T}"/>
    /// over the same memory.
    /// </remarks>
    /// <param name="input">The input, row-major, of a shape that the layer accepts; dense, or, of a layer over rows, dense rows that lie
    /// apart.</param>
    /// <param name="output">Receives the output, dense and row-major; it may be exactly the input.</param>
    /// <exception cref="ArgumentException">A shape does not fit, a span is strided, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode.</exception>
    public void Forward(in ReadOnlyTensorSpan<T> input, in TensorSpan<T> output)
    {
        PassMode<T> mode = Decide();
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        GuardSpanMode(mode.IsTraining, context: null);
        Run(input, output, mode, context: null, default);
    }

    /// <summary>
    /// Normalizes a tensor span and remembers the pass in a context, except for the input, without copying or allocating.
    /// </summary>
    /// <param name="input">The input, dense and row-major, of a shape that the layer accepts; <c>Backward</c> needs it again.</param>
    /// <param name="output">Receives the output, dense and row-major; it must not overlap the input, which the backward pass needs.</param>
    /// <param name="context">Receives the statistics that the backward pass needs.</param>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape does not fit, a span is strided, memory overlaps, or a channel has one value in training.
    /// </exception>
    public void Forward(in ReadOnlyTensorSpan<T> input, in TensorSpan<T> output, ForwardContext<T> context)
    {
        PassMode<T> mode = Decide(context);
        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);
        ArgumentNullException.ThrowIfNull(context);
        Run(input, output, mode, context, default);
    }

    /// <summary>
    /// Goes backward through the forward pass that a context remembers, without copying or allocating; adds to the gradients of the
    /// parameters.
    /// </summary>
    /// <param name="input">The input of that forward pass, with the same values, dense and row-major.</param>
    /// <param name="outputGradient">The gradient of the output, dense and row-major.</param>
    /// <param name="inputGradient">Receives the gradient of the input, dense and row-major; may be exactly the gradient of the
    /// output.</param>
    /// <param name="context">The context of the forward pass, be it on tensor spans or on tensors.</param>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the forward pass, a span is strided, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">
    /// The context remembers no forward pass of this layer, the input is not that of the forward pass, as far as a few of its elements
    /// show, or another thread is in a pass with the context.
    /// </exception>
    public void Backward(
        in ReadOnlyTensorSpan<T> input, in ReadOnlyTensorSpan<T> outputGradient, in TensorSpan<T> inputGradient, ForwardContext<T> context)
    {
        using Synchronization.Call call = Synchronization.BeginBackward(RanksOf(context));
        RunBackward(input, outputGradient, inputGradient, default, context);
    }

    private void RunBackward(
        in ReadOnlyTensorSpan<T> input,
        in ReadOnlyTensorSpan<T> outputGradient,
        in TensorSpan<T> inputGradient,
        in BackwardTerms<T> terms,
        ForwardContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        GuardOwner(context);
        TensorSpans.GuardShape(input.Lengths, context.Shape, nameof(input));
        TensorSpans.GuardShape(outputGradient.Lengths, context.Shape, nameof(outputGradient));
        TensorSpans.GuardShape(inputGradient.Lengths, context.Shape, nameof(inputGradient));
        nint width = RowWidth(context.Plan);
        using Scratch<T> pooledInput = StridedRows.RentFor(input, width), pooledGradient = StridedRows.RentFor(outputGradient, width),
            pooledResult = StridedRows.RentFor<T>(inputGradient, width);
        if (!pooledResult.Span.IsEmpty)
            GuardStrided(inputGradient);
        ReadOnlySpan<T> x = StridedRows.Read(input, width, pooledInput.Span, nameof(input));
        if (!x.IsEmpty)
            context.Terms.Guard(terms);
        ReadOnlySpan<T> dy = StridedRows.Read(outputGradient, width, pooledGradient.Span, nameof(outputGradient));
        Span<T> dx = StridedRows.Destination(inputGradient, pooledResult.Span, nameof(inputGradient));
        BackwardPass<T> pass = new(context, x, dy, dx, terms, holder: this, isChecked: true);
        RunBackward(pass);
        StridedRows.Write<T>(pooledResult.Span, width, inputGradient);
    }

    /// <summary>The width of the rows that may lie apart; 0 of a layer that is not over rows.</summary>
    private static nint RowWidth(in Plan plan) => plan.Order == MemoryOrder.Rows ? plan.S : 0;

    /// <summary>Throws where rows that lie apart are written over what is read, or will be.</summary>
    private void GuardStrided(in ReadOnlyTensorSpan<T> input, in ReadOnlyTensorSpan<T> output, ForwardContext<T>? context)
    {
        GuardStrided(output);
        bool beginsAlike = StridedRows.Extent(input)[..1].Overlaps(StridedRows.Extent(output)[..1]);
        if (context is not null && beginsAlike)
            throw Guard.InputError("output overlaps input, which the backward pass needs; pass another output.", nameof(output));
    }

    private void GuardStrided(in ReadOnlyTensorSpan<T> output)
    {
        ReadOnlySpan<T> extent = StridedRows.Extent(output);
        GuardBuffers(extent);
        foreach (Parameter<T> parameter in _parameters)
        {
            Guard.Apart<T, T>(extent, parameter.Value.Span, nameof(output), parameter.Name);
            Guard.Apart<T, T>(extent, parameter.Gradient.Span, nameof(output), parameter.Name);
        }
    }

    private static void GuardSpanMode(bool isTraining, ForwardContext<T>? context)
    {
        if (isTraining && context is null)
        {
            throw new InvalidOperationException(
                "In training a layer remembers its input, which a tensor span cannot be. Pass a ForwardContext to Forward, and the input "
                    + "to Backward again; or call Eval() first.");
        }
    }

    private void Run(
        in ReadOnlyTensorSpan<T> input,
        in TensorSpan<T> output,
        in PassMode<T> mode,
        ForwardContext<T>? context,
        in ForwardTerms<T> terms)
    {
        Span<int> shape = input.Rank <= RankOnStack ? (stackalloc int[RankOnStack])[..input.Rank] : new int[input.Rank];
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        TensorSpans.CopyShape(input.Lengths, shape, nameof(input));
        Plan plan = Describe(shape, mode, context);
        TensorSpans.GuardShape(output.Lengths, shape, nameof(output));
        nint width = RowWidth(plan);
        using Scratch<T> pooledInput = StridedRows.RentFor(input, width), pooledOutput = StridedRows.RentFor<T>(output, width);
        if (!pooledOutput.Span.IsEmpty)
            GuardStrided(input, output, context);
        ReadOnlySpan<T> x = StridedRows.Read(input, width, pooledInput.Span, nameof(input));
        Span<T> y = StridedRows.Destination(output, pooledOutput.Span, nameof(output));
        ForwardPass<T> pass = new(in mode, in plan, context, shape, x, y, terms, this, tensor: null, new(terms));
        Run(pass);
        StridedRows.Write<T>(pooledOutput.Span, width, output);
    }
}
