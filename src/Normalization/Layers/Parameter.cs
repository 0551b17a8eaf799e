using System.Numerics;

namespace Normalization;

/// <summary>A tensor that training changes, with its gradient.</summary>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;float>(4);
/// Tensor&lt;float> y = norm.Forward(Tensor&lt;float>.RandomNormal([8, 4], seed: 1));
/// norm.ZeroGradients();
/// norm.Backward(y);
/// foreach (Parameter&lt;float> parameter in norm.Parameters)
/// {
///     for (int i = 0; i &lt; parameter.Value.Length; i++)
///         parameter.Value.Span[i] -= 0.1f * parameter.Gradient.Span[i];
/// }
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class Parameter<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Creates a parameter of zeros.</summary>
    /// <param name="name">The name within the layer, which is the key in its state.</param>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <exception cref="ArgumentException">The name is empty, or the shape is negative somewhere or too large.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Parameter(string name, params ReadOnlySpan<int> shape)
        : this(name, new Tensor<T>(shape))
    {
    }

    /// <summary>Creates a parameter of a tensor, which it does not copy.</summary>
    /// <param name="name">The name within the layer, which is the key in its state.</param>
    /// <param name="value">The initial value, which training changes.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Parameter(string name, Tensor<T> value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        Guard.ElementType<T>();
        Name = name;
        Value = value;
        Gradient = new(value.Shape);
    }

    /// <summary>Gets the name within the layer, such as "weight" or "bias", which is the key in its state.</summary>
    public string Name { get; }

    /// <summary>
    /// Gets the value. A pass reads it when it runs: a backward pass takes γ as it is then, not as it was in the forward pass.
    /// </summary>
    public Tensor<T> Value { get; }

    /// <summary>Gets the gradient, to which every backward pass adds while <see cref="RequiresGradient"/> is set.</summary>
    public Tensor<T> Gradient { get; }

    /// <summary>
    /// Gets or sets a value indicating whether backward passes add to <see cref="Gradient"/>; initially they do. A backward pass reads
    /// this value when it runs. The gradient of the input does not depend on it.
    /// </summary>
    /// <remarks>
    /// A frozen parameter stays in <see cref="NormalizationLayer{T}.Parameters"/>, and its gradient stays as it is. Optimizers must
    /// skip the parameter, because momentum and weight decay change a value even where the gradient is zero.
    /// </remarks>
    public bool RequiresGradient { get; set; } = true;

    /// <summary>Gives the name, the shape, and whether the parameter is frozen.</summary>
    /// <returns>For example <c>weight [64]</c> or <c>weight [64], frozen</c>; the same text in every culture.</returns>
    public override string ToString() => $"{Name} {Shape.Format(Value.Shape)}{(RequiresGradient ? "" : ", frozen")}";

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => Gradient.Fill(T.Zero);
}
