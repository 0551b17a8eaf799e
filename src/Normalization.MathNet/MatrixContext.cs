using System.Numerics;
using MathNet.Numerics.LinearAlgebra;

namespace Normalization.MathNet;

/// <summary>
/// What one forward pass of a <see cref="MatrixLayer{T}"/> keeps for its backward pass: the input, by reference, and the statistics.
/// Pass one for each use of a layer that is used several times in one pass, or to go backward through a layer in evaluation mode.
/// </summary>
/// <remarks>A context can be used again; its memory is kept. It belongs to one thread at a time.</remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class MatrixContext<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Gets the input of the remembered forward pass; null before the first one and after <see cref="Clear"/>.</summary>
    public Matrix<T>? Input { get; private set; }

    internal ForwardContext<T> Statistics { get; } = new();

    /// <summary>Forgets the forward pass. The context then no longer keeps the input in memory.</summary>
    public void Clear()
    {
        Input = null;
        Statistics.Clear();
    }

    internal void Remember(Matrix<T> input) => Input = input;
}
