using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>One row of a reduction down the columns: column j's sum gains a, its product gains a · b.</summary>
internal interface IRowTerms<TSelf, W> : ITerms<W>
    where TSelf : struct, IRowTerms<TSelf, W>
{
    /// <summary>The same terms in the row that lies <paramref name="rows"/> below.</summary>
    TSelf Down(nint rows);
}

/// <summary>The one reduction down the columns. Every column adds its rows in order, so no width and no tile changes its bits.</summary>
internal static unsafe class ColumnReduction
{
    /// <summary>Both accumulator arrays have room for <paramref name="columns"/> rounded up to a multiple of 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, W, TRow>(TRow first, nint rows, nint columns, double* sums, double* products)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        nint row = 0;
        for (; row + 4 <= rows; row += 4)
        {
            TRow row0 = first.Down(row), row1 = first.Down(row + 1), row2 = first.Down(row + 2), row3 = first.Down(row + 3);
            nint j = 0;
            for (; j + W.Count <= columns; j += W.Count)
            {
                W sum = W.LoadDoubles(sums + j), product = W.LoadDoubles(products + j);
                Add<T, W, TRow>(row0, j, ref sum, ref product);
                Add<T, W, TRow>(row1, j, ref sum, ref product);
                Add<T, W, TRow>(row2, j, ref sum, ref product);
                Add<T, W, TRow>(row3, j, ref sum, ref product);
                W.StoreDoubles(sums + j, sum);
                W.StoreDoubles(products + j, product);
            }
            if (j < columns)
            {
                AddPart<T, W, TRow>(row0, j, columns, sums, products);
                AddPart<T, W, TRow>(row1, j, columns, sums, products);
                AddPart<T, W, TRow>(row2, j, columns, sums, products);
                AddPart<T, W, TRow>(row3, j, columns, sums, products);
            }
        }
        for (; row < rows; row++)
        {
            TRow last = first.Down(row);
            nint j = 0;
            for (; j + W.Count <= columns; j += W.Count)
            {
                W sum = W.LoadDoubles(sums + j), product = W.LoadDoubles(products + j);
                Add<T, W, TRow>(last, j, ref sum, ref product);
                W.StoreDoubles(sums + j, sum);
                W.StoreDoubles(products + j, product);
            }
            if (j < columns)
                AddPart<T, W, TRow>(last, j, columns, sums, products);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T, W, TRow>(TRow row, nint j, ref W sum, ref W product)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        row.At(j, default(Whole), out W a, out W b);
        sum += a;
        product = W.FusedMultiplyAdd(a, b, product);
    }

    private static void AddPart<T, W, TRow>(TRow row, nint j, nint columns, double* sums, double* products)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        nint count = columns - j;
        row.At(j, new Part(count), out W a, out W b);
        a = Reduction.MaskFirst<W, T>(a, count);
        b = Reduction.MaskFirst<W, T>(b, count);
        W.StoreDoubles(sums + j, W.LoadDoubles(sums + j) + a);
        W.StoreDoubles(products + j, W.FusedMultiplyAdd(a, b, W.LoadDoubles(products + j)));
    }
}

/// <summary>d and d², with d = x - pivot[j].</summary>
internal readonly unsafe struct MomentRow<T, W>(T* x, nint stride, T* pivot) : IRowTerms<MomentRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly nint _stride = stride;
    private readonly T* _pivot = pivot;

    public MomentRow<T, W> Down(nint rows) => new(_x + (rows * _stride), _stride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess =>
        a = b = access.Load<W, T>(_x + i) - access.Load<W, T>(_pivot + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => Memory.Prefetch(_x + i);
}

/// <summary>dy and dy · (x - pivot[j]).</summary>
internal readonly unsafe struct GradientRow<T, W>(T* x, T* dy, nint stride, T* pivot) : IRowTerms<GradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly T* _pivot = pivot;

    public GradientRow<T, W> Down(nint rows) => new(_x + (rows * _stride), _dy + (rows * _stride), _stride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = access.Load<W, T>(_dy + i);
        b = access.Load<W, T>(_x + i) - access.Load<W, T>(_pivot + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        Memory.Prefetch(_x + i);
        Memory.Prefetch(_dy + i);
    }
}

/// <summary>dy and dy · x̂ of rows that have statistics of their own; neighbouring rows of the reduction lie a stride and a step of statistics apart.</summary>
internal readonly unsafe struct ParameterRow<T, W> : IRowTerms<ParameterRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x;
    private readonly T* _dy;
    private readonly nint _stride;
    private readonly GroupStatistics* _statistics;
    private readonly nint _step;
    private readonly W _pivot;
    private readonly W _scale;
    private readonly W _shift;

    public ParameterRow(T* x, T* dy, nint stride, GroupStatistics* statistics, nint step)
    {
        Affine affine = Affine.Normalizing<T>(*statistics);
        _x = x;
        _dy = dy;
        _stride = stride;
        _statistics = statistics;
        _step = step;
        _pivot = W.Broadcast(affine.Pivot);
        _scale = W.Broadcast(affine.Scale);
        _shift = W.Broadcast(affine.Shift);
    }

    public ParameterRow<T, W> Down(nint rows) =>
        new(_x + (rows * _stride), _dy + (rows * _stride), _stride, _statistics + (rows * _step), _step);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = access.Load<W, T>(_dy + i);
        b = W.FusedMultiplyAdd(access.Load<W, T>(_x + i) - _pivot, _scale, _shift);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        Memory.Prefetch(_x + i);
        Memory.Prefetch(_dy + i);
    }
}
