using System.Numerics;

namespace Normalization;

/// <summary>
/// One backward pass, as <see cref="NormalizationLayer{T}.BackwardCore"/> gets it: the memory of the input and of both gradients, and
/// what remembers the forward pass. Tensors and tensor spans come here alike.
/// </summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct BackwardPass<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // The terms of the forward pass, and the gradients. A field, because a property would be copied on each use.
    internal readonly BackwardTerms<T> Terms;

    internal BackwardPass(
        ForwardContext<T> context,
        ReadOnlySpan<T> input,
        ReadOnlySpan<T> outputGradient,
        Span<T> inputGradient,
        NormalizationLayer<T>? holder = null,
        bool isChecked = false)
    {
        Holder = holder;
        IsChecked = isChecked;
        Context = context;
        Input = input;
        OutputGradient = outputGradient;
        InputGradient = inputGradient;
    }

    internal BackwardPass(
        ForwardContext<T> context,
        ReadOnlySpan<T> input,
        ReadOnlySpan<T> outputGradient,
        Span<T> inputGradient,
        scoped in BackwardTerms<T> terms,
        NormalizationLayer<T>? holder,
        bool isChecked = false)
        : this(context, input, outputGradient, inputGradient, holder, isChecked) => Terms = terms;

    /// <summary>Gets the shape of the input and of both gradients.</summary>
    public ReadOnlySpan<int> Shape => Context.Shape;

    /// <summary>Gets the elements of the input of the forward pass, row-major.</summary>
    public ReadOnlySpan<T> Input { get; }

    /// <summary>Gets the elements of the gradient of the output, row-major.</summary>
    public ReadOnlySpan<T> OutputGradient { get; }

    /// <summary>Gets the elements of the gradient of the input, row-major; they may be exactly those of the output's.</summary>
    public Span<T> InputGradient { get; }

    /// <summary>Gets the context that remembers the forward pass: the caller's, or the layer's own.</summary>
    public ForwardContext<T> Context { get; }

    /// <summary>Gets the layer whose call holds the context for this pass; null for a part, which holds its own when it runs.</summary>
    internal NormalizationLayer<T>? Holder { get; }

    /// <summary>Gets a value indicating whether the memory has been checked.</summary>
    internal bool IsChecked { get; }

    /// <summary>
    /// Gives the same pass with another gradient of the output, for a layer that has applied a function to the output of the base class.
    /// </summary>
    /// <param name="outputGradient">The elements of the gradient, row-major; they may be exactly those of the input gradient.</param>
    /// <returns>The pass with this gradient.</returns>
    public BackwardPass<T> WithOutputGradient(ReadOnlySpan<T> outputGradient) =>
        new(Context, Input, outputGradient, InputGradient, Terms, Holder);

    /// <summary>
    /// Creates a pass backward through a part of the forward pass (<see cref="ForwardPass{T}.CreatePart"/>). Give it to <see
    /// cref="NormalizationLayer{T}.BackwardCore"/> of the base class.
    /// </summary>
    /// <param name="input">The elements of the input of that part, with the same values.</param>
    /// <param name="outputGradient">The elements of the gradient of its output.</param>
    /// <param name="inputGradient">Receives the gradient of its input; may be exactly the gradient of its output.</param>
    /// <param name="context">The context of the part.</param>
    /// <returns>The pass over this memory.</returns>
    /// <exception cref="NotSupportedException">The pass has terms such as the gradient of a sum (<see cref="BackwardOptions{T}"/>).
    /// </exception>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="context"/> is that of this pass.</exception>
    public BackwardPass<T> CreatePart(
        ReadOnlySpan<T> input, ReadOnlySpan<T> outputGradient, Span<T> inputGradient, ForwardContext<T> context)
    {
        if (Terms.IsAny)
        {
            throw new NotSupportedException(
                "The layer goes through its input in parts, and the gradient of a sum belongs to a whole pass. Add it behind the layer.");
        }
        ForwardContext<T>.GuardPart(context, Context);
        return new(context, input, outputGradient, inputGradient);
    }
}
