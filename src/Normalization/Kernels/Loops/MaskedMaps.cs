using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Writes 0 where the mask of a position is not set. All channels of a sample share its mask.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskEpilogue<T>(byte* mask, nint length, nint position) : IEpilogue<MaskEpilogue<T>, T> where T : unmanaged
{
    private readonly byte* _mask = mask;
    private readonly nint _length = length;
    private readonly nint _position = position;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskEpilogue<T> At(nint offset) => new(_mask, _length, offset == 0 ? _position : (_position + offset) % _length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess =>
        V.Keep(V.LoadMask(_mask + _position + i), value);
}

/// <summary>Rows of x, a stride apart, with coefficients of their own and a mask that they share.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedAffineRows<T>(T* input, byte* mask, nint stride, Affine* affines) where T : unmanaged
{
    public readonly T* Input = input;
    public readonly byte* Mask = mask;
    public readonly nint Stride = stride;
    public readonly Affine* Affines = affines;
}

/// <summary>(x - pivot) · scale + shift where the mask is set, and 0 elsewhere.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedAffineMap<T, V>(T* x, byte* mask, in Affine affine)
    : IMap<MaskedAffineMap<T, V>, MaskedAffineRows<T>, V, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly V _pivot = V.Broadcast(affine.Pivot);
    private readonly V _scale = V.Broadcast(affine.Scale);
    private readonly V _shift = V.Broadcast(affine.Shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedAffineMap<T, V> Of(in MaskedAffineRows<T> rows, nint row) =>
        new(rows.Input + (row * rows.Stride), rows.Mask, rows.Affines[row]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        V.LoadMask(_mask + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in V column, TAccess access) where TAccess : struct, IAccess =>
        V.Keep(column, V.FusedMultiplyAdd(access.Load<V, T>(_x + i) - _pivot, _scale, _shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>Rows, a stride apart, that share their mask, and what each has where it is not set.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedCopies<T>(T* input, byte* mask, nint stride, double* elsewhere) where T : unmanaged
{
    public readonly T* Input = input;
    public readonly byte* Mask = mask;
    public readonly nint Stride = stride;
    public readonly double* Elsewhere = elsewhere;
}

/// <summary>x where the mask is set, and another number elsewhere.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedCopyMap<T, V>(T* x, byte* mask, double elsewhere)
    : IMap<MaskedCopyMap<T, V>, MaskedCopies<T>, V, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly V _elsewhere = V.Broadcast(elsewhere);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedCopyMap<T, V> Of(in MaskedCopies<T> rows, nint row) =>
        new(rows.Input + (row * rows.Stride), rows.Mask, rows.Elsewhere[row]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        V.LoadMask(_mask + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in V column, TAccess access) where TAccess : struct, IAccess =>
        V.Select(column, access.Load<V, T>(_x + i), _elsewhere);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>Rows of x and dy, a stride apart, with coefficients of their own and a mask and weights that they share.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedRows<T>(T* input, T* outputGradient, byte* mask, T* weights, nint stride, GradientAffine* affines)
    where T : unmanaged
{
    public readonly T* Input = input;
    public readonly T* OutputGradient = outputGradient;
    public readonly byte* Mask = mask;
    public readonly T* Weights = weights;
    public readonly nint Stride = stride;
    public readonly GradientAffine* Affines = affines;
}

/// <summary><see cref="GradientMap{T, V}"/> where the mask is set, and 0 elsewhere: the gradient where all weights are 0 or 1.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedGradientMap<T, V>(in GradientMap<T, V> gradient, byte* mask)
    : IMap<MaskedGradientMap<T, V>, MaskedRows<T>, V, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly GradientMap<T, V> _gradient = gradient;
    private readonly byte* _mask = mask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedGradientMap<T, V> Of(in MaskedRows<T> rows, nint row) =>
        new(new(rows.Input + (row * rows.Stride), rows.OutputGradient + (row * rows.Stride), rows.Affines[row]), rows.Mask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        V.LoadMask(_mask + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in V column, TAccess access) where TAccess : struct, IAccess =>
        V.Keep(column, _gradient.Invoke(i, default, access));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _gradient.Prefetch(i);
}

/// <summary>
/// (dy - center) · outer + w · ((x - pivot) · inner + shift) + (1 - w) · center · outer where the mask is set, and 0 elsewhere. Where
/// w is 1 this is <see cref="MaskedGradientMap{T, V}"/>.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WeightedRowGradientMap<T, V>(T* x, T* dy, byte* mask, T* weights, in GradientAffine affine)
    : IMap<WeightedRowGradientMap<T, V>, MaskedRows<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly byte* _mask = mask;
    private readonly T* _weights = weights;
    private readonly V _one = V.Broadcast(1);
    private readonly V _center = V.Broadcast(affine.Center);
    private readonly V _pivot = V.Broadcast(affine.Pivot);
    private readonly V _outer = V.Broadcast(affine.Outer);
    private readonly V _inner = V.Broadcast(affine.Inner);
    private readonly V _shift = V.Broadcast(affine.Shift);
    private readonly V _across = V.Broadcast(affine.Center * affine.Outer);

    public static bool IsLong => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedRowGradientMap<T, V> Of(in MaskedRows<T> rows, nint row) =>
        new(rows.Input + (row * rows.Stride), rows.OutputGradient + (row * rows.Stride), rows.Mask, rows.Weights, rows.Affines[row]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V weight = access.Load<V, T>(_weights + i);
        V common = V.FusedMultiplyAdd(access.Load<V, T>(_x + i) - _pivot, _inner, _shift);
        V result = V.FusedMultiplyAdd(
            access.Load<V, T>(_dy + i) - _center, _outer, V.FusedMultiplyAdd(weight, common, (_one - weight) * _across));
        return V.Keep(V.LoadMask(_mask + i), result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
