using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The weights of [n, s] beside a tile of columns [n, c · s]: each row of weights is repeated for the channels of the widest tile, and all
/// tiles share them.
/// </summary>
/// <param name="weights">[n, <paramref name="tile"/>], with room for one more vector.</param>
/// <param name="columns">c · s.</param>
/// <param name="tile">The columns of the widest tile.</param>
internal readonly unsafe struct TileWeights<T>(T* weights, nint columns, nint tile) where T : unmanaged
{
    private readonly T* _weights = weights;
    private readonly nint _columns = columns;
    private readonly nint _tile = tile;

    /// <summary>The weights of an element and of those behind it in the same row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* At(nint element) => _weights + (element / _columns * _tile) + (element % _columns % _tile);

    /// <summary>From row to row, where the elements of neighboring rows lie so far apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public nint Stride(nint stride) => stride / _columns * _tile;
}

/// <summary>Writes 0 where the weight of a column's element is not above 0.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct TileMaskEpilogue<T>(TileWeights<T> all, nint element) : IEpilogue<TileMaskEpilogue<T>, T>
    where T : unmanaged
{
    private readonly TileWeights<T> _all = all;
    private readonly nint _element = element;
    private readonly T* _weights = all.At(element);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileMaskEpilogue<T> At(nint offset) => new(_all, _element + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess =>
        V.KeepPositive(access.Load<V, T>(_weights + i), value);
}

/// <summary>w · d and d, with d = x - pivot[j] where w is above 0. What lies elsewhere, even a NaN, counts as 0.</summary>
internal readonly unsafe struct WeightedMomentRow<T, W>(T* x, T* weights, nint stride, nint weightStride, double* pivot)
    : IRowTerms<WeightedMomentRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _weights = weights;
    private readonly nint _stride = stride;
    private readonly nint _weightStride = weightStride;
    private readonly double* _pivot = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightedMomentRow<T, W> Down(nint rows) =>
        new(_x + (rows * _stride), _weights + (rows * _weightStride), _stride, _weightStride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadDoubles(_pivot + i);

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

/// <summary>dy - outputPivot[j] and x - pivot[j], both 0 where w is not above 0.</summary>
internal readonly unsafe struct MaskedGradientRow<T, W>(
    T* x, T* dy, T* weights, nint stride, nint weightStride, double* pivot, double* outputPivot)
    : IRowTerms<MaskedGradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly T* _weights = weights;
    private readonly nint _stride = stride;
    private readonly nint _weightStride = weightStride;
    private readonly double* _pivot = pivot;
    private readonly double* _outputPivot = outputPivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedGradientRow<T, W> Down(nint rows)
    {
        nint offset = rows * _stride;
        return new(_x + offset, _dy + offset, _weights + (rows * _weightStride), _stride, _weightStride, _pivot, _outputPivot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadDoubles(_pivot + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W weight = access.Load<W, T>(_weights + i), dy = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            dy -= W.LoadDoubles(_outputPivot + i);
        a = W.KeepPositive(weight, dy);
        b = W.KeepPositive(weight, access.Load<W, T>(_x + i) - pivot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
