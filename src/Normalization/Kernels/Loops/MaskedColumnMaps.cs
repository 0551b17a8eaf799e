using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary><see cref="ColumnGradientMap{T, V}"/> where the mask is set, and 0 elsewhere: the gradient of weights of 0 and 1.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MaskedColumnGradientMap<T, V>(in ColumnGradientMap<T, V> gradient, byte* mask, nint maskStride)
    : IMap<MaskedColumnGradientMap<T, V>, MaskedColumnGradientMap<T, V>, V, ColumnGradient<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly ColumnGradientMap<T, V> _gradient = gradient;
    private readonly byte* _mask = mask;
    private readonly nint _maskStride = maskStride;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MaskedColumnGradientMap<T, V> Of(in MaskedColumnGradientMap<T, V> first, nint row) =>
        new(ColumnGradientMap<T, V>.Of(first._gradient, row), first._mask + (row * first._maskStride), first._maskStride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ColumnGradient<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => _gradient.Column(i, access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ColumnGradient<V> column, TAccess access) where TAccess : struct, IAccess =>
        V.Keep(V.LoadMask(_mask + i), _gradient.Invoke(i, column, access));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _gradient.Prefetch(i);
}

/// <summary><see cref="MaskedGradientMap{T, V}"/> with the coefficients of each column.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WeightedColumnGradientMap<T, V>(
    T* x, T* dy, byte* mask, T* weights, nint stride, nint weightStride, void* center, void* pivot, void* outer, void* inner, void* shift)
    : IMap<WeightedColumnGradientMap<T, V>, WeightedColumnGradientMap<T, V>, V, ColumnGradient<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly byte* _mask = mask;
    private readonly T* _weights = weights;
    private readonly nint _stride = stride;
    private readonly nint _weightStride = weightStride;
    private readonly void* _center = center;
    private readonly void* _pivot = pivot;
    private readonly void* _outer = outer;
    private readonly void* _inner = inner;
    private readonly void* _shift = shift;

    public static bool IsLong => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedColumnGradientMap<T, V> Of(in WeightedColumnGradientMap<T, V> first, nint row) => new(
        first._x + (row * first._stride), first._dy + (row * first._stride),
        first._mask + (row * first._weightStride), first._weights + (row * first._weightStride),
        first._stride, first._weightStride, first._center, first._pivot, first._outer, first._inner, first._shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ColumnGradient<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ColumnGradient<V> column, TAccess access) where TAccess : struct, IAccess
    {
        V weight = access.Load<V, T>(_weights + i), outer = V.LoadCoefficients(_outer, i), center = V.LoadCoefficients(_center, i);
        V deviation = access.Load<V, T>(_x + i) - V.LoadCoefficients(_pivot, i);
        V common = V.FusedMultiplyAdd(deviation, V.LoadCoefficients(_inner, i), V.LoadCoefficients(_shift, i));
        V across = (V.Broadcast(1) - weight) * (center * outer);
        V result = V.FusedMultiplyAdd(
            access.Load<V, T>(_dy + i) - center, outer, V.FusedMultiplyAdd(weight, common, across));
        return V.Keep(V.LoadMask(_mask + i), result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
