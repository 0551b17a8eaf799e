using System.Numerics;

namespace Normalization;

/// <summary>
/// What a forward pass does besides normalizing: s = x + residual before the norm, and behind it
/// y = activation(norm(s) · (1 + scale) + shift + skip). A null tensor means that the term is not there.
/// </summary>
/// <remarks>
/// <para>
/// Every step is rounded to the element type, so the result has the same bits as the steps done one after another, and the steps go over
/// the data while it is in the cache. Nothing is allocated in the steady state.
/// </para>
/// <para>
/// In training, or with a context, the layer remembers <see cref="Skip"/>, <see cref="Scale"/> and <see cref="Shift"/> by reference and
/// reads them again in the backward pass. Do not write to them before. <see cref="Sum"/> takes the place of the input, which may then
/// change.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;float>(8);
/// Tensor&lt;float> stream = Tensor&lt;float>.RandomNormal([3, 8], seed: 1), branch = Tensor&lt;float>.RandomNormal([3, 8], seed: 2);
/// Tensor&lt;float> sum = new(3, 8), normalized = new(3, 8);
/// norm.Forward(branch, normalized, new ForwardOptions&lt;float> { Residual = stream, Sum = sum });
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly struct ForwardOptions<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets what remembers the pass; null for the layer in training, and for nothing in evaluation.</summary>
    public ForwardContext<T>? Context { get; init; }

    /// <summary>Gets what is added to the input before the norm, of the input's shape.</summary>
    public Tensor<T>? Residual { get; init; }

    /// <summary>
    /// Gets where x + residual is written: a tensor of its own, exactly the input or exactly the residual. Null if the sum is not wanted,
    /// which only evaluation without a context allows: a backward pass needs the sum.
    /// </summary>
    public Tensor<T>? Sum { get; init; }

    /// <summary>
    /// Gets the scale of each sample and channel, [N, C]; of a layer over rows that of each sample, [samples, width], where a sample is
    /// equally many neighboring rows. The factor is 1 + scale, unless <see cref="ScaleIncludesOne"/> is set.
    /// </summary>
    /// <remarks>
    /// With <see cref="Shift"/> this is AdaIN (Huang, Belongie, 2017, arXiv:1703.06868), FiLM (Perez et al., 2017, arXiv:1709.07871),
    /// AdaLN (Peebles, Xie, 2022, arXiv:2212.09748) and class-conditional BatchNorm (de Vries et al., 2017, arXiv:1707.00683).
    /// </remarks>
    public Tensor<T>? Scale { get; init; }

    /// <summary>Gets the shift of each sample and channel, of the shape of the scale.</summary>
    public Tensor<T>? Shift { get; init; }

    /// <summary>Gets a value indicating whether the factor is the scale as it is, and not 1 + scale.</summary>
    public bool ScaleIncludesOne { get; init; }

    /// <summary>
    /// Gets what is added behind the norm and before the activation, of the output's shape: the shortcut of a residual block (He et al.,
    /// 2015, arXiv:1512.03385).
    /// </summary>
    public Tensor<T>? Skip { get; init; }

    /// <summary>
    /// Gets how many of its first positions each sample has, [N]; empty for all. A position is one of the S elements that each channel of
    /// a sample has. Only valid positions count in the statistics; at the others the output and the gradient of the input are 0.
    /// </summary>
    /// <remarks>
    /// <para>
    /// At most one of <see cref="Lengths"/>, <see cref="Mask"/> and <see cref="Weights"/> is there. They belong to layers whose statistics
    /// span positions or samples: BatchNorm, InstanceNorm and GroupNorm. With W = Σ w over the valid elements of a group the pass computes
    /// μ = Σ w · x / W and σ² = Σ w · (x - μ)² / W, and the backward pass dx = r · (g - w / W · (Σ g + x̂ · Σ g · x̂)). The running
    /// variance follows σ² · W / (W - Σ w² / W), which is the unbiased one where all valid elements weigh the same. The gradients of γ and
    /// β are sums over the valid elements. What lies at other positions, even a NaN, reaches no result.
    /// </para>
    /// <para>
    /// A group without a valid element has no statistics and moves no running ones; a batch without one is an empty batch. The pass
    /// remembers a copy for its backward pass.
    /// </para>
    /// </remarks>
    public ReadOnlyMemory<int> Lengths { get; init; }

    /// <summary>
    /// Gets which positions are valid, [N, S] row by row, where S is the product of the spatial dimensions; empty for all.
    /// </summary>
    /// <remarks><see cref="Lengths"/> says what a valid position is.</remarks>
    public ReadOnlyMemory<bool> Mask { get; init; }

    /// <summary>
    /// Gets what each position of each sample weighs in the statistics: [N, S], or [N] where there is one position; finite and at least 0.
    /// Null for ones. Positions with a weight of 0 are not valid. For [N, C] these are weights of samples.
    /// </summary>
    /// <remarks>
    /// <see cref="Lengths"/> says what is computed. Only the ratios of the weights count. Weights have no gradient, and they do not weigh
    /// the gradients of γ and β: a weighted loss does.
    /// </remarks>
    public Tensor<T>? Weights { get; init; }

    /// <summary>
    /// Gets a value indicating whether the output, and in the backward pass the gradient of the input, keep their bits at positions that
    /// are not valid. These bits may be read and written again, so no other thread may write them meanwhile. By default they are 0 there.
    /// </summary>
    public bool KeepsInvalid { get; init; }

    /// <summary>Gets a value indicating whether there is any term.</summary>
    internal bool IsAny =>
        !(Residual is null && Sum is null && Scale is null && Shift is null && Skip is null && Weights is null)
        || !(Lengths.IsEmpty && Mask.IsEmpty);

    /// <summary>Gets the terms over the memory of the tensors.</summary>
    internal ForwardTerms<T> Terms => new()
    {
        Residual = RememberedTerms<T>.SpanOf(Residual),
        Sum = RememberedTerms<T>.SpanOf(Sum),
        Scale = RememberedTerms<T>.SpanOf(Scale),
        Shift = RememberedTerms<T>.SpanOf(Shift),
        ScaleIncludesOne = ScaleIncludesOne,
        Skip = RememberedTerms<T>.SpanOf(Skip),
        Lengths = Lengths.Span,
        Mask = Mask.Span,
        Weights = RememberedTerms<T>.SpanOf(Weights),
        KeepsInvalid = KeepsInvalid,
    };
}

/// <summary>
/// What a backward pass does besides going back through the norm. A null tensor means that the term is not there, or that the gradient is
/// not wanted.
/// </summary>
/// <remarks>
/// Where the forward pass had a residual, the gradient of the input is also the gradient of the residual. Gradients that are written here
/// are overwritten; those of γ and β are added to.
/// </remarks>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;float>(8);
/// norm.Forward(Tensor&lt;float>.RandomNormal([3, 8], seed: 1));
/// Tensor&lt;float> gradient = Tensor&lt;float>.RandomNormal([3, 8], seed: 2), streamGradient = Tensor&lt;float>.Full([3, 8], 1);
///
/// // The gradient of the stream gains what comes back through the norm.
/// norm.Backward(gradient, streamGradient, new BackwardOptions&lt;float> { SumGradient = streamGradient });
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly struct BackwardOptions<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets the context of the forward pass; null for the last pass that the layer remembers.</summary>
    public ForwardContext<T>? Context { get; init; }

    /// <summary>
    /// Gets the gradient of s = x + residual by its other uses, of the input's shape. It is added to the gradient of the input, which may
    /// be exactly this tensor.
    /// </summary>
    public Tensor<T>? SumGradient { get; init; }

    /// <summary>Gets where the gradient of the skip is written, of the output's shape; overwritten.</summary>
    public Tensor<T>? SkipGradient { get; init; }

    /// <summary>Gets where the gradient of the scale is written, of the scale's shape; overwritten.</summary>
    public Tensor<T>? ScaleGradient { get; init; }

    /// <summary>Gets where the gradient of the shift is written, of the shift's shape; overwritten.</summary>
    public Tensor<T>? ShiftGradient { get; init; }

    internal bool IsAny => !(SumGradient is null && SkipGradient is null && ScaleGradient is null && ShiftGradient is null);
}
