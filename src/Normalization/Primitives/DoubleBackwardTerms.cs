namespace Normalization;

/// <summary>
/// What <see cref="NormalizationPrimitives.DoubleBackward{T}"/> starts from and what it writes. The backward pass gives dx, dγ and dβ, and
/// a function of these has gradients with respect to each. An empty gradient stands for zeros; an empty result is not wanted.
/// </summary>
/// <remarks>For tensors there is <see cref="DoubleBackwardOptions{T}"/>.</remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct DoubleBackwardTerms<T>
    where T : unmanaged
{
    /// <summary>Gets the gradient with respect to dx, as long as the input.</summary>
    public ReadOnlySpan<T> InputGradientGradient { get; init; }

    /// <summary>Gets the gradient with respect to dγ, as long as γ.</summary>
    public ReadOnlySpan<T> WeightGradientGradient { get; init; }

    /// <summary>Gets the gradient with respect to dβ, as long as β.</summary>
    public ReadOnlySpan<T> BiasGradientGradient { get; init; }

    /// <summary>Gets where the gradient with respect to dy is written, as long as the output; overwritten.</summary>
    public Span<T> OutputGradientGradient { get; init; }

    /// <summary>Gets where the gradient with respect to the input is written, as long as the input; overwritten.</summary>
    public Span<T> InputGradient { get; init; }

    /// <summary>Gets what gains the gradient with respect to γ, as long as γ; added to.</summary>
    public Span<T> WeightGradient { get; init; }
}
