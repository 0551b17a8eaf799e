using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>One row of a reduction down the columns: column j's sum gains a, its product gains a · b.</summary>
internal interface IRowTerms<TSelf, W>
    where TSelf : struct, IRowTerms<TSelf, W>
{
    /// <summary>The same terms in the row that lies <paramref name="rows"/> below.</summary>
    TSelf Down(nint rows);

    /// <summary>What all rows share at element i.</summary>
    W Column(nint i);

    void At<TAccess>(nint i, in W column, TAccess access, out W a, out W b) where TAccess : struct, IAccess;

    /// <summary>Prefetches the cache line of element i, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>The one reduction down the columns. Every column adds its rows in order, so no width and no tile changes its bits.</summary>
internal static unsafe class ColumnReduction
{
    /// <summary>Both accumulator arrays have room for <paramref name="columns"/> rounded up to a multiple of 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, W, TRow>(TRow first, nint rows, nint columns, nint ahead, double* sums, double* products)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        nint whole = columns - (columns % W.Count), row = 0;
        for (; row + Thresholds.RowsAddedAtOnce <= rows; row += Thresholds.RowsAddedAtOnce)
        {
            TRow row0 = first.Down(row), row1 = first.Down(row + 1), row2 = first.Down(row + 2), row3 = first.Down(row + 3);
            for (nint j = 0; j < whole; j += W.Count)
            {
                if (ahead != 0 && RawMemory.BeginsLine<T>(j, W.Count))
                {
                    row0.Prefetch(j + ahead);
                    row1.Prefetch(j + ahead);
                    row2.Prefetch(j + ahead);
                    row3.Prefetch(j + ahead);
                }
                W column = row0.Column(j);
                W sum = W.LoadDoubles(sums + j), product = W.LoadDoubles(products + j);
                Add<T, W, TRow>(row0, j, column, ref sum, ref product);
                Add<T, W, TRow>(row1, j, column, ref sum, ref product);
                Add<T, W, TRow>(row2, j, column, ref sum, ref product);
                Add<T, W, TRow>(row3, j, column, ref sum, ref product);
                W.StoreDoubles(sums + j, sum);
                W.StoreDoubles(products + j, product);
            }
            if (whole < columns)
            {
                AddPart<T, W, TRow>(row0, whole, columns, sums, products);
                AddPart<T, W, TRow>(row1, whole, columns, sums, products);
                AddPart<T, W, TRow>(row2, whole, columns, sums, products);
                AddPart<T, W, TRow>(row3, whole, columns, sums, products);
            }
        }
        for (; row < rows; row++)
        {
            TRow last = first.Down(row);
            for (nint j = 0; j < whole; j += W.Count)
            {
                W sum = W.LoadDoubles(sums + j), product = W.LoadDoubles(products + j);
                Add<T, W, TRow>(last, j, last.Column(j), ref sum, ref product);
                W.StoreDoubles(sums + j, sum);
                W.StoreDoubles(products + j, product);
            }
            if (whole < columns)
                AddPart<T, W, TRow>(last, whole, columns, sums, products);
        }
    }

    /// <summary>totals[i] += terms[i]. TensorPrimitives does the same, but its first calls are not optimized.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddTo<T, W>(double* totals, double* terms, nint count)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        nint i = 0;
        for (; i + W.Count <= count; i += W.Count)
            W.StoreDoubles(totals + i, W.LoadDoubles(totals + i) + W.LoadDoubles(terms + i));
        for (; i < count; i++)
            totals[i] += terms[i];
    }

    /// <summary>
    /// Adds several arrays, which lie one after another, to the first of them. For doubles, what the additions round off is added too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddUp<T, W>(double* arrays, nint number, nint count, double* rests)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        if (typeof(T) == typeof(double))
            new Span<double>(rests, (int)count).Clear();
        for (nint i = 1; i < number; i++)
        {
            if (typeof(T) == typeof(double))
                Move<T, W>(arrays, rests, arrays + (i * count), count);
            else
                AddTo<T, W>(arrays, arrays + (i * count), count);
        }
        if (typeof(T) == typeof(double))
            AddRests(arrays, rests, count);
    }

    /// <summary>totals[i] += terms[i], with what that rounds off in rests[i] and zeros left in the terms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Move<T, W>(double* totals, double* rests, double* terms, nint count)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        nint i = 0;
        for (; i + W.Count <= count; i += W.Count)
        {
            W total = W.LoadDoubles(totals + i), term = W.LoadDoubles(terms + i);
            W sum = total + term, part = sum - total;
            W.StoreDoubles(rests + i, W.LoadDoubles(rests + i) + (total - (sum - part) + (term - part)));
            W.StoreDoubles(totals + i, sum);
        }
        for (; i < count; i++)
        {
            double sum = totals[i] + terms[i], part = sum - totals[i];
            rests[i] += totals[i] - (sum - part) + (terms[i] - part);
            totals[i] = sum;
        }
        new Span<double>(terms, (int)count).Clear();
    }

    /// <summary>
    /// Adds the columns of each channel to its total, and overwrites the columns. For doubles, what this rounds off is added to the rests.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddTotals<T, W>(double* columns, nint columnsPerChannel, double* totals, double* rests, nint channels)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        for (nint channel = 0; channel < channels && columnsPerChannel > 1; channel++)
            columns[channel] = Total<T, W>(columns + (channel * columnsPerChannel), columnsPerChannel);
        if (typeof(T) == typeof(double))
            Move<T, W>(totals, rests, columns, channels);
        else
            AddTo<T, W>(totals, columns, channels);
    }

    /// <summary>totals[i] += rests[i], unless a total has become an infinity or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddRests(double* totals, double* rests, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            double sum = totals[i] + rests[i];
            totals[i] = double.IsFinite(sum) ? sum : totals[i];
        }
    }

    /// <summary>The sum of neighboring columns in 8 lanes, column i in lane i mod 8; there is room for whole lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Total<T, W>(double* columns, nint count)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        const int Lanes = 8;
        W first = default, second = default, third = default, fourth = default;
        for (nint i = 0; i < count; i += Lanes)
        {
            first += At(columns + i, count - i, 0);
            second += At(columns + i, count - i, W.Count);
            third += At(columns + i, count - i, 2 * W.Count);
            fourth += At(columns + i, count - i, 3 * W.Count);
        }
        return Reduction.HorizontalSumOfEight<T, W>(first, second, third, fourth);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static W At(double* columns, nint count, nint lane) =>
            lane < Lanes ? Reduction.MaskFirst<W, T>(W.LoadDoubles(columns + lane), Math.Clamp(count - lane, 0, W.Count)) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T, W, TRow>(TRow row, nint j, in W column, ref W sum, ref W product)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        row.At(j, column, default(Whole), out W a, out W b);
        sum += a;
        product = W.FusedMultiplyAdd(a, b, product);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddPart<T, W, TRow>(TRow row, nint j, nint columns, double* sums, double* products)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TRow : struct, IRowTerms<TRow, W>
    {
        nint count = columns - j;
        row.At(j, row.Column(j), new Part(count), out W a, out W b);
        a = Reduction.MaskFirst<W, T>(a, count);
        b = Reduction.MaskFirst<W, T>(b, count);
        W.StoreDoubles(sums + j, W.LoadDoubles(sums + j) + a);
        W.StoreDoubles(products + j, W.FusedMultiplyAdd(a, b, W.LoadDoubles(products + j)));
    }
}

/// <summary>d and d², with d = x - pivot[j].</summary>
internal readonly unsafe struct MomentRow<T, W, TSource>(TSource x, nint stride, double* pivot) : IRowTerms<MomentRow<T, W, TSource>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    private readonly TSource _x = x;
    private readonly nint _stride = stride;
    private readonly double* _pivot = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentRow<T, W, TSource> Down(nint rows) => new(_x.At(rows * _stride), _stride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadDoubles(_pivot + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess =>
        a = b = _x.Load<W, TAccess>(i, access) - pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>dy - outputPivot[j] and (dy - outputPivot[j]) · (x - pivot[j]); the sums of floats need no pivot of dy.</summary>
internal readonly unsafe struct GradientRow<T, W>(T* x, T* dy, nint stride, double* pivot, double* outputPivot)
    : IRowTerms<GradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly double* _pivot = pivot;
    private readonly double* _outputPivot = outputPivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientRow<T, W> Down(nint rows) => new(_x + (rows * _stride), _dy + (rows * _stride), _stride, _pivot, _outputPivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadDoubles(_pivot + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            a -= W.LoadDoubles(_outputPivot + i);
        b = access.Load<W, T>(_x + i) - pivot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
