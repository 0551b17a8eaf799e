using System.Numerics;

namespace Normalization;

/// <summary>A tensor that training changes, with its gradient.</summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class Parameter<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    internal Parameter(string name, ReadOnlySpan<int> shape)
    {
        Name = name;
        Value = new(shape);
        Gradient = new(Value.Shape);
    }

    /// <summary>Gets the name within the layer: "weight" or "bias".</summary>
    public string Name { get; }

    /// <summary>
    /// Gets the value. A pass reads it when it runs: a backward pass takes γ as it is then, not as it was in the forward pass.
    /// </summary>
    public Tensor<T> Value { get; }

    /// <summary>Gets the gradient, to which every backward pass adds while <see cref="RequiresGradient"/> is set.</summary>
    public Tensor<T> Gradient { get; }

    /// <summary>
    /// Gets or sets a value indicating whether backward passes add to <see cref="Gradient"/>; initially they do. A backward pass
    /// looks at it when it runs. The gradient of the input does not depend on it.
    /// </summary>
    /// <remarks>
    /// A frozen parameter stays in <see cref="NormalizationLayer{T}.Parameters"/>, and its gradient stays as it is. Optimizers must
    /// pass it over: momentum and weight decay move a value even where the gradient is zero.
    /// </remarks>
    public bool RequiresGradient { get; set; } = true;

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => Gradient.Fill(T.Zero);
}
