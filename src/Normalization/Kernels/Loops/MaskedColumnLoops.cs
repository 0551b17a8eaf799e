using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The mask and the weights of [n, s] beside a tile of columns [n, c · s]: each row of them is repeated for the channels of the widest
/// tile, and all tiles share them.
/// </summary>
/// <param name="mask">[n, <paramref name="tile"/>], with room for one more vector.</param>
/// <param name="weights">The same, or null where all valid positions weigh 1.</param>
/// <param name="columns">c · s.</param>
/// <param name="tile">The columns of the widest tile.</param>
internal readonly unsafe struct TilePositions<T>(byte* mask, T* weights, nint columns, nint tile) where T : unmanaged
{
    private readonly byte* _mask = mask;
    private readonly T* _weights = weights;
    private readonly nint _columns = columns;
    private readonly nint _tile = tile;

    public bool HasWeights => _weights != null;

    /// <summary>The mask of an element and of those behind it in the same row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* MaskAt(nint element) => _mask + Place(element);

    /// <summary>The weights of the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* WeightsAt(nint element) => _weights + Place(element);

    /// <summary>From row to row, where the elements of neighboring rows lie so far apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public nint Stride(nint stride) => stride / _columns * _tile;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Place(nint element) => (element / _columns * _tile) + (element % _columns % _tile);
}

/// <summary>Writes 0 where the mask of a column's element is not set.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct TileMaskEpilogue<T>(TilePositions<T> all, nint element) : IEpilogue<TileMaskEpilogue<T>, T>
    where T : unmanaged
{
    private readonly TilePositions<T> _all = all;
    private readonly nint _element = element;
    private readonly byte* _mask = all.MaskAt(element);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileMaskEpilogue<T> At(nint offset) => new(_all, _element + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess =>
        V.Keep(V.LoadMask(_mask + i), value);
}

/// <summary>d twice, with d = x - pivot[j] where the mask is set. What lies elsewhere, even a NaN, counts as 0.</summary>
internal readonly unsafe struct MaskedMomentRow<T, W>(T* x, byte* mask, nint stride, nint maskStride, void* pivot)
    : IRowTerms<MaskedMomentRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly nint _stride = stride;
    private readonly nint _maskStride = maskStride;
    private readonly void* _pivot = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedMomentRow<T, W> Down(nint rows) =>
        new(_x + (rows * _stride), _mask + (rows * _maskStride), _stride, _maskStride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        b = W.Keep(W.LoadMask(_mask + i), access.Load<W, T>(_x + i) - pivot);
        a = b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>w · d and d, with d = x - pivot[j] where w is above 0. What lies elsewhere, even a NaN, counts as 0.</summary>
internal readonly unsafe struct WeightedMomentRow<T, W>(T* x, T* weights, nint stride, nint weightStride, void* pivot)
    : IRowTerms<WeightedMomentRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _weights = weights;
    private readonly nint _stride = stride;
    private readonly nint _weightStride = weightStride;
    private readonly void* _pivot = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightedMomentRow<T, W> Down(nint rows) =>
        new(_x + (rows * _stride), _weights + (rows * _weightStride), _stride, _weightStride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W weight = access.Load<W, T>(_weights + i);
        b = W.KeepPositive(weight, access.Load<W, T>(_x + i) - pivot);
        a = weight * b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>dy - outputPivot[j] and x - pivot[j], both 0 where the mask is not set.</summary>
internal readonly unsafe struct MaskedGradientRow<T, W>(
    T* x, T* dy, byte* mask, nint stride, nint maskStride, void* pivot, void* outputPivot)
    : IRowTerms<MaskedGradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly byte* _mask = mask;
    private readonly nint _stride = stride;
    private readonly nint _maskStride = maskStride;
    private readonly void* _pivot = pivot;
    private readonly void* _outputPivot = outputPivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedGradientRow<T, W> Down(nint rows)
    {
        nint offset = rows * _stride;
        return new(_x + offset, _dy + offset, _mask + (rows * _maskStride), _stride, _maskStride, _pivot, _outputPivot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W mask = W.LoadMask(_mask + i), dy = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            dy -= W.LoadCoefficients(_outputPivot, i);
        a = W.Keep(mask, dy);
        b = W.Keep(mask, access.Load<W, T>(_x + i) - pivot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
