using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The one reduction down the columns, in float or in double. Every column adds its rows in order, floats four at a time as a tree, so no
/// width and no tile changes its bits.
/// </summary>
internal static unsafe class ColumnReduction
{
    /// <summary>
    /// Both accumulator arrays are of the compute type, and have room for <paramref name="columns"/> rounded up to a whole vector.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, TRow>(TRow first, nint rows, nint columns, nint ahead, void* sums, void* products)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRow : struct, IRowTerms<TRow, V>
    {
        nint whole = columns - (columns % V.Count), row = 0;
        for (; row + Thresholds.RowsAddedAtOnce <= rows; row += Thresholds.RowsAddedAtOnce)
        {
            TRow row0 = first.Down(row), row1 = first.Down(row + 1), row2 = first.Down(row + 2), row3 = first.Down(row + 3);
            for (nint j = 0; j < whole; j += V.Count)
            {
                if (ahead != 0 && RawMemory.BeginsLine<T>(j, V.Count))
                {
                    row0.Prefetch(j + ahead);
                    row1.Prefetch(j + ahead);
                    row2.Prefetch(j + ahead);
                    row3.Prefetch(j + ahead);
                }
                V sum = V.LoadCoefficients(sums, j), product = V.LoadCoefficients(products, j);
                AddFour<T, V, TRow, Whole>(row0, row1, row2, row3, j, default, ref sum, ref product);
                V.StoreCoefficients(sums, j, sum);
                V.StoreCoefficients(products, j, product);
            }
            if (whole < columns)
                AddPartOfFour<T, V, TRow>(row0, row1, row2, row3, whole, columns - whole, sums, products);
        }
        for (; row < rows; row++)
        {
            TRow last = first.Down(row);
            for (nint j = 0; j < whole; j += V.Count)
            {
                last.At(j, last.Column(j), default(Whole), out V a, out V b);
                Add<T, V>(j, a, b, sums, products);
            }
            if (whole < columns)
                AddPart<T, V, TRow>(last, whole, columns - whole, sums, products);
        }
    }

    /// <summary>
    /// Adds floats times a power of two to doubles, or to zeros where they are the <paramref name="areFirst"/> ones, in whole vectors, and
    /// leaves zeros in their place.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void MoveFloats<T, V, W>(double* totals, void* floats, nint count, double scale, bool areFirst)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        W factor = W.Broadcast(scale);
        for (nint i = 0; i < count; i += V.Count)
        {
            (W lower, W upper) = V.Widen<W>(V.LoadCoefficients(floats, i));
            W lowerTotal = areFirst ? default : W.LoadDoubles(totals + i);
            W upperTotal = areFirst ? default : W.LoadDoubles(totals + i + W.Count);
            W.StoreDoubles(totals + i, W.FusedMultiplyAdd(lower, factor, lowerTotal));
            W.StoreDoubles(totals + i + W.Count, W.FusedMultiplyAdd(upper, factor, upperTotal));
            V.StoreCoefficients(floats, i, default);
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
    private static void Add<T, V>(nint j, V a, V b, void* sums, void* products)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        V.StoreCoefficients(sums, j, V.LoadCoefficients(sums, j) + a);
        V.StoreCoefficients(products, j, V.FusedMultiplyAdd(a, b, V.LoadCoefficients(products, j)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddPart<T, V, TRow>(TRow row, nint j, nint count, void* sums, void* products)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRow : struct, IRowTerms<TRow, V>
    {
        V mask = V.LoadMask(ByteMasks.First(count));
        row.At(j, row.Column(j), new Part(count), out V a, out V b);
        Add<T, V>(j, V.Keep(mask, a), V.Keep(mask, b), sums, products);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddPartOfFour<T, V, TRow>(
        in TRow row0, in TRow row1, in TRow row2, in TRow row3, nint j, nint count, void* sums, void* products)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRow : struct, IRowTerms<TRow, V>
    {
        V mask = V.LoadMask(ByteMasks.First(count)), oldSum = V.LoadCoefficients(sums, j), oldProduct = V.LoadCoefficients(products, j);
        V sum = oldSum, product = oldProduct;
        AddFour<T, V, TRow, Part>(row0, row1, row2, row3, j, new(count), ref sum, ref product);
        V.StoreCoefficients(sums, j, V.Select(mask, sum, oldSum));
        V.StoreCoefficients(products, j, V.Select(mask, product, oldProduct));
    }

    /// <summary>Each element is used as soon as it is loaded, because vectors of 256 bits have few registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFour<T, V, TRow, TAccess>(
        in TRow row0, in TRow row1, in TRow row2, in TRow row3, nint j, TAccess access, ref V sum, ref V product)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRow : struct, IRowTerms<TRow, V>
        where TAccess : struct, IAccess
    {
        V column = row0.Column(j);
        row0.At(j, column, access, out V a, out V b);
        if (sizeof(V) == V.Count * sizeof(float))
        {
            V firstSum = a, firstProduct = a * b;
            row1.At(j, column, access, out a, out b);
            firstSum += a;
            firstProduct = V.FusedMultiplyAdd(a, b, firstProduct);
            row2.At(j, column, access, out a, out b);
            V otherSum = a, otherProduct = a * b;
            row3.At(j, column, access, out a, out b);
            sum += firstSum + (otherSum + a);
            product += firstProduct + V.FusedMultiplyAdd(a, b, otherProduct);
            return;
        }
        Add(a, b, ref sum, ref product);
        row1.At(j, column, access, out a, out b);
        Add(a, b, ref sum, ref product);
        row2.At(j, column, access, out a, out b);
        Add(a, b, ref sum, ref product);
        row3.At(j, column, access, out a, out b);
        Add(a, b, ref sum, ref product);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Add(V a, V b, ref V sum, ref V product)
        {
            sum += a;
            product = V.FusedMultiplyAdd(a, b, product);
        }
    }
}
