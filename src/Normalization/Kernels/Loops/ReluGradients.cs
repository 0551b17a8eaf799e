using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary><see cref="GradientTerms{T, W}"/>, where dy passes ReLU only where x · sign is not below a bound.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ReluGradientTerms<T, W>(T* x, T* dy, double pivot, double sign, double least) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly W _pivot = W.Broadcast(pivot);
    private readonly W _sign = W.Broadcast(sign);
    private readonly W _least = W.Broadcast(least);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W input = access.Load<W, T>(_x + i);
        a = W.KeepFrom(_least, input * _sign, access.Load<W, T>(_dy + i));
        b = input - _pivot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}

/// <summary><see cref="GradientGroups{T, V, W}"/> behind ReLU, each with a sign and a bound.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ReluGradientGroups<T, V, W>(in GradientGroups<T, V, W> groups, double* signs, double* least)
    : IGroupTerms<ReluGradientTerms<T, V>, ReluGradientTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GradientGroups<T, V, W> _groups = groups;
    private readonly double* _signs = signs;
    private readonly double* _least = least;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReluGradientTerms<T, V> NarrowAt(nint group) => At<V>(group);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReluGradientTerms<T, W> WideAt(nint group) => At<W>(group);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReluGradientTerms<T, TVector> At<TVector>(nint group) where TVector : unmanaged, ISimd<TVector, T> =>
        new(_groups.Input(group), _groups.OutputGradient(group), _groups.Pivot, _signs[group], _least[group]);
}

/// <summary><see cref="GradientRow{T, W}"/>, where dy passes ReLU only where x · sign[j] is not below a bound[j].</summary>
internal readonly unsafe struct ReluGradientRow<T, W>(T* x, T* dy, nint stride, void* pivot, void* sign, void* least)
    : IRowTerms<ReluGradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly void* _pivot = pivot;
    private readonly void* _sign = sign;
    private readonly void* _least = least;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReluGradientRow<T, W> Down(nint rows) =>
        new(_x + (rows * _stride), _dy + (rows * _stride), _stride, _pivot, _sign, _least);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W input = access.Load<W, T>(_x + i);
        a = W.KeepFrom(W.LoadCoefficients(_least, i), input * W.LoadCoefficients(_sign, i), access.Load<W, T>(_dy + i));
        b = input - pivot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}

/// <summary>
/// Rows of x and dy whose dy goes back through ReLU: it passes where x · sign is not below a bound.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ReluGradientRows<T>(in GradientRows<T> rows, double* signs, double* least) where T : unmanaged
{
    public readonly GradientRows<T> Rows = rows;

    /// <summary>The signs and the bounds lie as far apart as the affines of the rows.</summary>
    public readonly double* Signs = signs;
    public readonly double* Least = least;
}

/// <summary><see cref="GradientMap{T, V}"/> of such rows.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ReluGradientMap<T, V>(in GradientMap<T, V> map, T* x, T* dy, double sign, double least)
    : IMap<ReluGradientMap<T, V>, ReluGradientRows<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly GradientMap<T, V> _map = map;
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly V _sign = V.Broadcast(sign);
    private readonly V _least = V.Broadcast(least);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReluGradientMap<T, V> Of(in ReluGradientRows<T> rows, nint row)
    {
        nint offset = row * rows.Rows.Stride, own = row * rows.Rows.Step;
        return new(
            GradientMap<T, V>.Of(rows.Rows, row), rows.Rows.Input + offset, rows.Rows.OutputGradient + offset,
            rows.Signs[own], rows.Least[own]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V x = access.Load<V, T>(_x + i);
        return _map.Of(x, V.KeepFrom(_least, x * _sign, access.Load<V, T>(_dy + i)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _map.Prefetch(i);
}

/// <summary><see cref="ColumnGradientMap{T, V}"/> behind ReLU, which passes dy where x · sign[i] is not below a bound[i].</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ReluColumnGradientMap<T, V>(
    in ColumnGradientMap<T, V> map, T* x, T* dy, nint stride, void* sign, void* least)
    : IMap<ReluColumnGradientMap<T, V>, ReluColumnGradientMap<T, V>, V, ColumnGradient<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly ColumnGradientMap<T, V> _map = map;
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly void* _sign = sign;
    private readonly void* _least = least;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReluColumnGradientMap<T, V> Of(in ReluColumnGradientMap<T, V> first, nint row)
    {
        nint offset = row * first._stride;
        return new(
            ColumnGradientMap<T, V>.Of(first._map, row), first._x + offset, first._dy + offset, first._stride, first._sign, first._least);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ColumnGradient<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => _map.Column(i, access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ColumnGradient<V> column, TAccess access) where TAccess : struct, IAccess
    {
        V x = access.Load<V, T>(_x + i), sign = V.LoadCoefficients(_sign, i), least = V.LoadCoefficients(_least, i);
        V gradient = V.KeepFrom(least, x * sign, access.Load<V, T>(_dy + i));
        return ColumnGradientMap<T, V>.Of(x, gradient, column);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _map.Prefetch(i);
}
