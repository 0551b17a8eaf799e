using System.Numerics;

namespace Normalization;

/// <summary>What a layer has registered as a part of its state besides its parameters: a tensor or a counter.</summary>
/// <param name="Name">The key in the state.</param>
/// <param name="Tensor">The tensor; null for a counter.</param>
/// <param name="Counter">The counter; null for a tensor.</param>
/// <param name="IsNonNegative">Whether a state with a negative element is refused.</param>
/// <param name="IsOptional">Whether a state without this key is complete.</param>
internal readonly record struct StateBuffer<T>(
    string Name, Tensor<T>? Tensor, StateCounter? Counter, bool IsNonNegative = false, bool IsOptional = false)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>;
