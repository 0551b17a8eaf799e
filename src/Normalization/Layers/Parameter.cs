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
        Gradient = new(shape);
    }

    /// <summary>Gets the name within the layer: "weight" or "bias".</summary>
    public string Name { get; }

    /// <summary>Gets the value.</summary>
    public Tensor<T> Value { get; }

    /// <summary>Gets the gradient, to which every backward pass adds.</summary>
    public Tensor<T> Gradient { get; }

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => Gradient.Fill(T.Zero);
}
