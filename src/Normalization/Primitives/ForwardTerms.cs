namespace Normalization;

/// <summary>
/// What a forward pass over spans does besides normalizing: s = x + residual before the norm, and behind it
/// y = activation(norm(s) · (1 + scale) + shift + skip). An empty span means that the term is not there.
/// </summary>
/// <remarks>
/// <para>
/// Every step is rounded to the element type, so the result has the same bits as the steps done one after another, and the steps go over
/// the data while it is in the cache. Nothing is allocated. For tensors there is <see cref="ForwardOptions{T}"/>.
/// </para>
/// <para>
/// <see cref="Scale"/> and <see cref="Shift"/> have a value for each sample and channel, [n, c]. On rows they have one for each element of
/// a row of each sample, [samples, width]: as many samples as their length says, each of equally many neighboring rows.
/// </para>
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct ForwardTerms<T>
    where T : unmanaged
{
    /// <summary>Gets what is added to the input before the norm, as long as the input.</summary>
    public ReadOnlySpan<T> Residual { get; init; }

    /// <summary>
    /// Gets where x + residual is written: a place of its own, exactly the input or exactly the residual. Empty if the sum is not wanted;
    /// a backward pass needs it in the place of the input.
    /// </summary>
    public Span<T> Sum { get; init; }

    /// <summary>Gets the scale of each sample and channel, [n, c], or of the rows of each sample, [samples, width].</summary>
    public ReadOnlySpan<T> Scale { get; init; }

    /// <summary>Gets the shift of each sample and channel, of the shape of the scale.</summary>
    public ReadOnlySpan<T> Shift { get; init; }

    /// <summary>Gets a value indicating whether the factor is the scale as it is, and not 1 + scale.</summary>
    public bool ScaleIncludesOne { get; init; }

    /// <summary>Gets what is added behind the norm and before the activation, as long as the output.</summary>
    public ReadOnlySpan<T> Skip { get; init; }

    /// <summary>
    /// Gets how many of its first positions each sample has, [n]; empty for all. At most one of this, <see cref="Mask"/> and <see
    /// cref="Weights"/> is there; <see cref="ForwardOptions{T}.Lengths"/> says what they do.
    /// </summary>
    public ReadOnlySpan<int> Lengths { get; init; }

    /// <summary>Gets which positions are valid, [n, s]; empty for all.</summary>
    public ReadOnlySpan<bool> Mask { get; init; }

    /// <summary>Gets what each position of each sample weighs, [n, s]; finite and at least 0; empty for ones.</summary>
    public ReadOnlySpan<T> Weights { get; init; }

    /// <summary>
    /// Gets a value indicating whether the output keeps its bits at positions that are not valid. These bits may be read and written
    /// again, so no other thread may write them meanwhile. By default they are 0 there.
    /// </summary>
    public bool KeepsInvalid { get; init; }

    internal bool HasPositions => !(Lengths.IsEmpty && Mask.IsEmpty && Weights.IsEmpty);

    internal GivenPositions<T> Positions => new()
    {
        Lengths = Lengths,
        Mask = Mask,
        Weights = Weights,
        KeepsInvalid = KeepsInvalid,
    };

    internal bool IsAny =>
        !(Residual.IsEmpty && Sum.IsEmpty && Scale.IsEmpty && Shift.IsEmpty && Skip.IsEmpty) || HasPositions;
}

/// <summary>
/// What a backward pass over spans does besides going back through the norm: the terms of the forward pass (<see cref="ForwardTerms{T}"/>)
/// again, and the gradients. An empty span means that the term is not there, or that the gradient is not wanted.
/// </summary>
/// <remarks>
/// The input of the backward pass is what was normalized: where there was a residual, the sum. The gradient of x and the gradient of the
/// residual are the same, which is the gradient that the pass writes.
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly ref struct BackwardTerms<T>
    where T : unmanaged
{
    /// <summary>Gets the scale of the forward pass.</summary>
    public ReadOnlySpan<T> Scale { get; init; }

    /// <summary>Gets the shift of the forward pass.</summary>
    public ReadOnlySpan<T> Shift { get; init; }

    /// <summary>Gets a value indicating whether the factor is the scale as it is, and not 1 + scale.</summary>
    public bool ScaleIncludesOne { get; init; }

    /// <summary>Gets the skip of the forward pass.</summary>
    public ReadOnlySpan<T> Skip { get; init; }

    /// <summary>
    /// Gets the gradient of s = x + residual by its other uses. It is added to the gradient of the input, which may be exactly this memory.
    /// </summary>
    public ReadOnlySpan<T> SumGradient { get; init; }

    /// <summary>Gets where the gradient of the skip is written, as long as the output; overwritten.</summary>
    public Span<T> SkipGradient { get; init; }

    /// <summary>Gets where the gradient of the scale is written, as long as the scale; overwritten.</summary>
    public Span<T> ScaleGradient { get; init; }

    /// <summary>Gets where the gradient of the shift is written, as long as the shift; overwritten.</summary>
    public Span<T> ShiftGradient { get; init; }

    /// <summary>
    /// Gets how many of its first positions each sample has, [n]; empty for all. At most one of this, <see cref="Mask"/> and <see
    /// cref="Weights"/> is there. Only primitives take them: the context of a layer remembers those of its forward pass.
    /// </summary>
    public ReadOnlySpan<int> Lengths { get; init; }

    /// <summary>Gets which positions are valid, [n, s]; empty for all.</summary>
    public ReadOnlySpan<bool> Mask { get; init; }

    /// <summary>Gets what each position of each sample weighs, [n, s]; finite and at least 0; empty for ones.</summary>
    public ReadOnlySpan<T> Weights { get; init; }

    /// <summary>
    /// Gets a value indicating whether the gradient of the input keeps its bits at positions that are not valid. These bits may be read and
    /// written again, so no other thread may write them meanwhile. By default they are 0 there.
    /// </summary>
    public bool KeepsInvalid { get; init; }

    internal bool HasPositions => !(Lengths.IsEmpty && Mask.IsEmpty && Weights.IsEmpty);

    internal GivenPositions<T> Positions => new()
    {
        Lengths = Lengths,
        Mask = Mask,
        Weights = Weights,
        KeepsInvalid = KeepsInvalid,
    };

    internal bool IsAny =>
        !(Scale.IsEmpty && Shift.IsEmpty && Skip.IsEmpty && SumGradient.IsEmpty && SkipGradient.IsEmpty) || HasPositions;
}
