using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Writes 0 where the weight of a position is not above 0. All channels of a sample share its weights.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskEpilogue<T>(T* weights, nint length, nint position) : IEpilogue<MaskEpilogue<T>, T> where T : unmanaged
{
    private readonly T* _weights = weights;
    private readonly nint _length = length;
    private readonly nint _position = position;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskEpilogue<T> At(nint offset) => new(_weights, _length, offset == 0 ? _position : (_position + offset) % _length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess =>
        V.Select(V.GreaterThan(access.Load<V, T>(_weights + _position + i), default), value, default);
}

/// <summary>One row of x and dy, with a weight for each element and coefficients that all share.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedRow<T>(T* input, T* outputGradient, T* weights, GradientAffine* affine) where T : unmanaged
{
    public readonly T* Input = input;
    public readonly T* OutputGradient = outputGradient;
    public readonly T* Weights = weights;
    public readonly GradientAffine* Affine = affine;
}

/// <summary>
/// (dy - center) · outer + w · ((x - pivot) · inner + shift) + (1 - w) · center · outer where w is above 0, and 0 elsewhere. Where w is 1
/// this is <see cref="GradientMap{T, V}"/>.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedGradientMap<T, V>(in MaskedRow<T> row) : IMap<MaskedGradientMap<T, V>, MaskedRow<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = row.Input;
    private readonly T* _dy = row.OutputGradient;
    private readonly T* _weights = row.Weights;
    private readonly V _one = V.Broadcast(1);
    private readonly V _center = V.Broadcast(row.Affine->Center);
    private readonly V _pivot = V.Broadcast(row.Affine->Pivot);
    private readonly V _outer = V.Broadcast(row.Affine->Outer);
    private readonly V _inner = V.Broadcast(row.Affine->Inner);
    private readonly V _shift = V.Broadcast(row.Affine->Shift);
    private readonly V _across = V.Broadcast(row.Affine->Center * row.Affine->Outer);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedGradientMap<T, V> Of(in MaskedRow<T> rows, nint row) => new(rows);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V weight = access.Load<V, T>(_weights + i);
        V common = V.FusedMultiplyAdd(access.Load<V, T>(_x + i) - _pivot, _inner, _shift);
        V result = V.FusedMultiplyAdd(
            access.Load<V, T>(_dy + i) - _center, _outer, V.FusedMultiplyAdd(weight, common, (_one - weight) * _across));
        return V.Select(V.GreaterThan(weight, default), result, default);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
