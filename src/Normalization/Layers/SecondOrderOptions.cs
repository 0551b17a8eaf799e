using System.Numerics;

namespace Normalization;

/// <summary>
/// The tangents that <see cref="NormalizationLayer{T}.ForwardTangent(Tensor{T}, in TangentOptions{T})"/> goes along. A null tensor stands
/// for zeros.
/// </summary>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;double>(8);
/// Tensor&lt;double> x = Tensor&lt;double>.RandomNormal([3, 8], seed: 1), direction = Tensor&lt;double>.RandomNormal([3, 8], seed: 2);
/// norm.Forward(x);
/// Tensor&lt;double> tangent = new(3, 8);
/// norm.ForwardTangent(tangent, new TangentOptions&lt;double> { InputTangent = direction });
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly struct TangentOptions<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets the context of the forward pass; null for the last pass that the layer remembers.</summary>
    public ForwardContext<T>? Context { get; init; }

    /// <summary>Gets the tangent of the input, of the input's shape.</summary>
    public Tensor<T>? InputTangent { get; init; }

    /// <summary>Gets the tangent of γ, of the shape of γ; null where the layer has no γ.</summary>
    public Tensor<T>? WeightTangent { get; init; }

    /// <summary>Gets the tangent of β, of the shape of β; null where the layer has no β.</summary>
    public Tensor<T>? BiasTangent { get; init; }
}

/// <summary>
/// What <see cref="NormalizationLayer{T}.DoubleBackward(Tensor{T}, in DoubleBackwardOptions{T})"/> starts from and what it writes. The
/// backward pass gives the gradients of the input, of γ and of β, and a function of these has gradients with respect to each. A null
/// gradient stands for zeros; a null result is not wanted.
/// </summary>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;double>(8);
/// Tensor&lt;double> x = Tensor&lt;double>.RandomNormal([3, 8], seed: 1), dy = Tensor&lt;double>.RandomNormal([3, 8], seed: 2);
/// Tensor&lt;double> dx = new(3, 8), inputGradient = new(3, 8);
/// norm.Forward(x);
/// norm.Backward(dy, dx);
///
/// // The penalty Σ dx² / 2 has the gradient dx with respect to dx. Its gradient with respect to x and to γ:
/// norm.ZeroGradients();
/// norm.DoubleBackward(dy, new DoubleBackwardOptions&lt;double> { InputGradientGradient = dx, InputGradient = inputGradient });
/// Tensor&lt;double> weightGradient = norm.Weight!.Gradient;
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly struct DoubleBackwardOptions<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets the context of the forward pass; null for the last pass that the layer remembers.</summary>
    public ForwardContext<T>? Context { get; init; }

    /// <summary>Gets the gradient with respect to the gradient of the input, of the input's shape.</summary>
    public Tensor<T>? InputGradientGradient { get; init; }

    /// <summary>Gets the gradient with respect to the gradient of γ, of the shape of γ; null where the layer has no γ.</summary>
    public Tensor<T>? WeightGradientGradient { get; init; }

    /// <summary>Gets the gradient with respect to the gradient of β, of the shape of β; null where the layer has no β.</summary>
    public Tensor<T>? BiasGradientGradient { get; init; }

    /// <summary>
    /// Gets where the gradient with respect to the gradient of the output is written, of the output's shape; overwritten.
    /// </summary>
    public Tensor<T>? OutputGradientGradient { get; init; }

    /// <summary>Gets where the gradient with respect to the input is written, of the input's shape; overwritten.</summary>
    public Tensor<T>? InputGradient { get; init; }
}
