using System.Numerics;
using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>
/// One forward pass, as <see cref="NormalizationLayer{T}.ForwardCore"/> gets it: the memory of input and output, and what remembers the
/// pass. Tensors and tensor spans come here alike.
/// </summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct ForwardPass<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What the pass does besides normalizing. A field, because a property would be copied on each use.
    internal readonly ForwardTerms<T> Terms;

    // References, because copies would cost more than a short row.
    private readonly ref readonly PassMode<T> _mode;
    private readonly ref readonly Plan _plan;

    internal ForwardPass(
        ref readonly PassMode<T> mode,
        ref readonly Plan plan,
        ForwardContext<T>? context,
        ReadOnlySpan<int> shape,
        ReadOnlySpan<T> input,
        Span<T> output,
        NormalizationLayer<T>? checkedBy,
        Tensor<T>? tensor = null)
    {
        _mode = ref mode;
        _plan = ref plan;
        CheckedBy = checkedBy;
        Tensor = tensor;
        Context = context;
        Shape = shape;
        Input = input;
        Output = output;
    }

    internal ForwardPass(
        ref readonly PassMode<T> mode,
        ref readonly Plan plan,
        ForwardContext<T>? context,
        ReadOnlySpan<int> shape,
        ReadOnlySpan<T> input,
        Span<T> output,
        scoped in ForwardTerms<T> terms,
        NormalizationLayer<T>? checkedBy,
        Tensor<T>? tensor,
        scoped in RememberedTerms<T> remembered)
        : this(in mode, in plan, context, shape, input, output, checkedBy, tensor)
    {
        Terms = terms;
        Remembered = remembered;
    }

    /// <summary>Gets the shape of the input and of the output.</summary>
    public ReadOnlySpan<int> Shape { get; }

    /// <summary>Gets the elements of the input, row-major.</summary>
    public ReadOnlySpan<T> Input { get; }

    /// <summary>Gets the elements of the output, row-major. In evaluation they may be exactly those of the input.</summary>
    public Span<T> Output { get; }

    /// <summary>Gets a value indicating whether the pass is one of training, as decided when it began.</summary>
    public bool IsTraining => _mode.IsTraining;

    /// <summary>
    /// Gets the context that remembers the pass: the caller's, or the layer's own in training. It is null in evaluation without a context.
    /// </summary>
    public ForwardContext<T>? Context { get; }

    /// <summary>
    /// Gets a value indicating whether the pass does something besides normalizing (<see cref="ForwardOptions{T}"/>). A layer that does not
    /// hand the whole pass to the base class must refuse such a pass, because nobody else does what was asked for.
    /// </summary>
    public bool HasTerms => Terms.IsAny;

    internal ref readonly PassMode<T> Mode => ref _mode;

    /// <summary>Gets the layer that has checked the memory against <see cref="Plan"/>; null for a part, which nobody has checked.</summary>
    internal NormalizationLayer<T>? CheckedBy { get; }

    internal ref readonly Plan Plan => ref _plan;

    /// <summary>Gets the tensor of the source, which the context remembers; null for memory that belongs to no tensor.</summary>
    internal Tensor<T>? Tensor { get; }

    /// <summary>Gets what the context remembers of the terms.</summary>
    internal RememberedTerms<T> Remembered { get; }

    /// <summary>Gets what is normalized, and what a backward pass needs: the input, or the sum that takes its place.</summary>
    internal ReadOnlySpan<T> Source => Terms.Residual.IsEmpty ? Input : Terms.Sum;

    /// <summary>
    /// Creates a pass over other memory, which does what this pass does and has statistics of its own: over some samples of the batch,
    /// for example. Give it to <see cref="NormalizationLayer{T}.ForwardCore"/> of the base class.
    /// </summary>
    /// <param name="shape">The shape of that memory.</param>
    /// <param name="input">The elements of the input, row-major.</param>
    /// <param name="output">Receives the output.</param>
    /// <param name="context">
    /// Receives what the backward pass of this part needs; another context than that of the whole pass. Null, which only a pass without a
    /// context may give, remembers nothing.
    /// </param>
    /// <returns>The pass over this memory.</returns>
    /// <exception cref="NotSupportedException">The pass has terms such as a residual (<see cref="ForwardOptions{T}"/>).</exception>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null, and this pass has a context.</exception>
    /// <exception cref="ArgumentException"><paramref name="context"/> is that of this pass.</exception>
    public ForwardPass<T> CreatePart(ReadOnlySpan<int> shape, ReadOnlySpan<T> input, Span<T> output, ForwardContext<T>? context)
    {
        if (Terms.IsAny)
        {
            throw new NotSupportedException(
                "The layer goes through its input in parts, and a residual, a skip, a scale, a shift or valid positions belong to a "
                    + "whole pass. Add them before and behind the layer.");
        }
        if (Context is not null)
            ForwardContext<T>.GuardPart(context, Context);
        return new(in _mode, in _plan, context, shape, input, output, checkedBy: null);
    }
}
