namespace Normalization.Kernels;

/// <summary>
/// What a pass of second order reads and writes, checked; an empty span is not there. The directions are tangents of x, γ and β, or the
/// gradients of dx, dγ and dβ.
/// </summary>
internal readonly ref struct SecondOrderSpans<T> where T : unmanaged
{
    public ReadOnlySpan<T> Input { get; init; }

    public ReadOnlySpan<T> OutputGradient { get; init; }

    public ReadOnlySpan<T> Weight { get; init; }

    public ReadOnlySpan<T> InputDirection { get; init; }

    public ReadOnlySpan<T> WeightDirection { get; init; }

    public ReadOnlySpan<T> BiasDirection { get; init; }

    /// <summary>Receives the derivative of y along the directions, which is the gradient of dy.</summary>
    public Span<T> OutputDerivative { get; init; }

    /// <summary>Receives the gradient of x.</summary>
    public Span<T> InputGradient { get; init; }

    /// <summary>Gains the gradient of γ.</summary>
    public Span<T> WeightGradient { get; init; }

    /// <summary>Whether any coefficient is read or written.</summary>
    public bool HasCoefficients => !(Weight.IsEmpty && WeightDirection.IsEmpty && BiasDirection.IsEmpty && WeightGradient.IsEmpty);

    /// <summary>The same with γ as the kernel takes it.</summary>
    public SecondOrderSpans<T> WithWeight(ReadOnlySpan<T> weight) => new()
    {
        Input = Input,
        OutputGradient = OutputGradient,
        Weight = weight,
        InputDirection = InputDirection,
        WeightDirection = WeightDirection,
        BiasDirection = BiasDirection,
        OutputDerivative = OutputDerivative,
        InputGradient = InputGradient,
        WeightGradient = WeightGradient,
    };
}
