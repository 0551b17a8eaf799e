using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// Rows of which a window takes some: a stride apart, the first one at an offset. The offsets are taken by a mask, which makes a ring of
/// memory whose length is a power of two; a mask of -1 leaves them as they are.
/// </summary>
internal readonly unsafe struct WindowRows(void* memory, nint first, nint count, nint stride, nint mask)
{
    private readonly void* _memory = memory;
    private readonly nint _first = first;
    private readonly nint _count = count;
    private readonly nint _stride = stride;
    private readonly nint _mask = mask;

    /// <summary>The sum of the squares of elements, added from the first row to the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V SumSquares<T, V, TAccess>(nint i, TAccess access)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TAccess : struct, IAccess
    {
        T* rows = (T*)_memory + i;
        V sum = V.Broadcast(0);
        for (nint row = 0, offset = _first; row < _count; row++, offset += _stride)
        {
            V x = access.Load<V, T>(rows + (offset & _mask));
            sum = V.FusedMultiplyAdd(x, x, sum);
        }
        return sum;
    }

    /// <summary>The sum of what is kept in the compute type, added from the first row to the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V SumTerms<T, V>(nint i)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        V sum = V.Broadcast(0);
        for (nint row = 0, offset = _first; row < _count; row++, offset += _stride)
            sum += V.LoadCoefficients(_memory, (offset & _mask) + i);
        return sum;
    }
}

/// <summary>What a row of a tile is computed from.</summary>
internal readonly unsafe struct WindowOperands<T> where T : unmanaged
{
    public T* Input { get; init; }

    /// <summary>dy, dy / s^β, or the sum of squares, as the map says.</summary>
    public T* Other { get; init; }

    /// <summary>The rows of x, or of terms, in the window.</summary>
    public WindowRows Window { get; init; }

    public double Scale { get; init; }

    public double K { get; init; }

    public double Beta { get; init; }

    /// <summary>Where the terms of this row are kept.</summary>
    public void* Terms { get; init; }

    public nint FirstTerm { get; init; }
}

/// <summary>s = k + scale · Σ x² over a window, and s to a power.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct WindowPower<T, V, TPower>(in WindowOperands<T> row)
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TPower : struct, IPower<TPower, V>
{
    private readonly WindowRows _rows = row.Window;
    private readonly TPower _power = TPower.Create(row.Beta);
    private readonly V _scale = V.Broadcast(row.Scale);
    private readonly V _k = V.Broadcast(row.K);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Of<TAccess>(nint i, TAccess access, out V s) where TAccess : struct, IAccess
    {
        s = V.FusedMultiplyAdd(_scale, _rows.SumSquares<T, V, TAccess>(i, access), _k);
        return _power.Of(s);
    }
}

/// <summary>x / s^β.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WindowMap<T, V, TPower>(in WindowOperands<T> row)
    : IMap<WindowMap<T, V, TPower>, WindowOperands<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TPower : struct, IPower<TPower, V>
{
    private readonly T* _x = row.Input;
    private readonly WindowPower<T, V, TPower> _power = new(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WindowMap<T, V, TPower> Of(in WindowOperands<T> rows, nint row) => new(rows);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        access.Load<V, T>(_x + i) / _power.Of(i, access, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
    }
}

/// <summary>
/// dy / s^β, and beside it, kept in the compute type, what the channels of the window get by the square of this channel:
/// -2 · scale · β · dy / s^β · x / s.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WindowTermMap<T, V, TPower>(in WindowOperands<T> row)
    : IMap<WindowTermMap<T, V, TPower>, WindowOperands<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TPower : struct, IPower<TPower, V>
{
    private readonly T* _x = row.Input;
    private readonly T* _dy = row.Other;
    private readonly WindowPower<T, V, TPower> _power = new(row);
    private readonly V _factor = V.Broadcast(-2 * row.Scale * row.Beta);
    private readonly void* _terms = row.Terms;
    private readonly nint _first = row.FirstTerm;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WindowTermMap<T, V, TPower> Of(in WindowOperands<T> rows, nint row) => new(rows);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V direct = access.Load<V, T>(_dy + i) / _power.Of(i, access, out V s);
        V.StoreCoefficients(_terms, _first + i, access.Load<V, T>(_x + i) * _factor / s * direct);
        return direct;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
    }
}

/// <summary>dx = dy / s^β + x · Σ terms of the channels whose windows hold this one.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WindowGradientMap<T, V>(in WindowOperands<T> row)
    : IMap<WindowGradientMap<T, V>, WindowOperands<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = row.Input;
    private readonly T* _direct = row.Other;
    private readonly WindowRows _terms = row.Window;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WindowGradientMap<T, V> Of(in WindowOperands<T> rows, nint row) => new(rows);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        V.FusedMultiplyAdd(access.Load<V, T>(_x + i), _terms.SumTerms<T, V>(i), access.Load<V, T>(_direct + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
    }
}

/// <summary>sum[i] + x². It says how large the squares of a column can be.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct SquaresMap<T, V>(in WindowOperands<T> row) : IMap<SquaresMap<T, V>, WindowOperands<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = row.Input;
    private readonly T* _sum = row.Other;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SquaresMap<T, V> Of(in WindowOperands<T> rows, nint row) => new(rows);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V x = access.Load<V, T>(_x + i);
        return V.FusedMultiplyAdd(x, x, access.Load<V, T>(_sum + i));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
    }
}
