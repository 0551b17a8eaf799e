using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The sums of <see cref="RowGradientReduction"/> of floats, taken in float: Σ g and Σ g · x̂ of each row in 16 lanes, at most 16
/// elements of a lane before the lane is added to a double, or, in rows below 256 elements, to three other lanes; of each column the
/// terms of 16 rows before they are added to a double. x̂ and dy are scaled down by powers of two, so that no product and no sum
/// overflows.
/// </summary>
internal static unsafe partial class NarrowRowGradients
{
    /// <summary>After so many rows the sums of columns go to doubles. Rows that go together may make it almost twice as many.</summary>
    public const int RowsInFloats = 16;

    /// <summary>How far x̂ is scaled down.</summary>
    public const double InputScale = 1 << 21;

    /// <summary>How far dy is scaled down in the sums of columns.</summary>
    public const double GradientScale = 2 * RowsInFloats;

    /// <summary>The size of the numbers that make x̂ of one row or four.</summary>
    public const int Numbers = 3 * Thresholds.RowsAtOnce;

    private const int Lanes = 16;
    private const int BlockLength = 256;
    private const int PartLength = 1024;

    /// <summary>Whether rows of this length are summed in float. The parts of the gradient of fewer elements cancel each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Cover<T>(nint length) => typeof(T) == typeof(float) && length >= Projection.FewElements;

    /// <summary>Whether such rows are less than a block.</summary>
    public static bool AreShort<T>(nint length) => Cover<T>(length) && length < BlockLength;

    /// <summary>Whether x̂ of rows can be computed in float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Hold<TLanes>(in GroupStatistics<TLanes> statistics) where TLanes : unmanaged, ILanes<TLanes> =>
        NumericRange.Spans<float, TLanes>(statistics)
        && NumericRange.Holds<float, TLanes>(statistics.InverseStandardDeviation)
        && NumericRange.Holds<float, TLanes>(statistics.InverseStandardDeviation * statistics.Mean);

    /// <summary>
    /// The numbers that make x̂ of one row or four: the means, the factors and the addends. False where x̂ of one of them cannot be
    /// computed in float.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryScale<T>(in WeightedRows<T> rows, bool areFour, T* numbers) where T : unmanaged
    {
        int held = 0;
        Simd.Lanes.Run(new RowNumbers<T>(in rows, numbers, &held), 0, areFour ? Thresholds.RowsAtOnce : 1);
        return held == (areFour ? Thresholds.RowsAtOnce : 1);
    }

    /// <summary>
    /// The sums of one row or four in neighboring columns. The columns get the terms of one row after another. All rows take a part
    /// before the next one, so that the weights and the sums of its columns stay in the first-level cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TColumns>(
        in WeightedRows<T> rows, int count, T* numbers, nint first, nint columns, nint ahead, Sums* rowSums, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TColumns : struct, IColumnSums<V>
    {
        if (columns < BlockLength)
        {
            RunShort<T, V, TColumns>(rows, count, numbers, first, columns, ahead, rowSums, columnSums);
            return;
        }
        double* lanes = stackalloc double[2 * Thresholds.RowsAtOnce * Lanes];
        new Span<double>(lanes, 2 * count * Lanes).Clear();
        nint whole = columns & -Lanes;
        int together = RowsTogether<T, V>(count);
        for (nint part = 0; part < whole; part += PartLength)
        {
            nint stop = Math.Min(part + PartLength, whole);
            for (int row = 0; row < count; row += together)
            {
                DoubleLanes<T, V, W> own = new(lanes + (2 * row * Lanes));
                for (nint start = part, end; start < stop; start = end)
                {
                    end = Math.Min(start + BlockLength, stop);
                    AddBlock<T, V, TColumns, DoubleLanes<T, V, W>>(
                        rows, row, together, numbers, first, start, end, ahead, own, columnSums);
                }
            }
        }
        for (int row = 0; row < count; row++)
        {
            double* own = lanes + (2 * row * Lanes);
            if (whole < columns)
                AddRest<T, V, TColumns, DoubleLanes<T, V, W>>(rows, row, numbers, first, whole, columns, new(own), columnSums);
            rowSums[row] = new() { Sum = Reduction.HorizontalSum<T, W>(own), Product = Reduction.HorizontalSum<T, W>(own + Lanes) };
        }
    }

    /// <summary>
    /// Rows of less than one block: their lanes are added in fours, and the fours of four rows side by side, because the lanes of a row
    /// would cost as much as the row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunShort<T, V, TColumns>(
        in WeightedRows<T> rows, int count, T* numbers, nint first, nint columns, nint ahead, Sums* rowSums, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TColumns : struct, IColumnSums<V>
    {
        const int Size = 2 * Thresholds.RowsAtOnce * Lanes;
        float* sums = stackalloc float[2 * Size], rest = sums + Size;
        nint whole = columns & -Lanes;
        if (whole < columns)
            new Span<float>(rest, Size).Clear();
        int together = RowsTogether<T, V>(count);
        for (int row = 0; row < count; row += together)
        {
            AddBlock<T, V, TColumns, FloatFours<T, V>>(
                rows, row, together, numbers, first, 0, whole, ahead, new(sums + (row * 4)), columnSums);
        }
        for (int row = 0; row < count && whole < columns; row++)
            AddRest<T, V, TColumns, FloatFours<T, V>>(rows, row, numbers, first, whole, columns, new(rest + (row * 4)), columnSums);
        Simd.Lanes.Run(new ShortSums(sums, whole < columns ? rest : null, Lanes / V.Count, rowSums), 0, count);
    }

    /// <summary>Four rows go together only where one vector has all lanes of a row: shorter vectors have too few registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int RowsTogether<T, V>(int count) where T : unmanaged where V : unmanaged, ISimd<V, T> =>
        V.Count == Lanes && count == Thresholds.RowsAtOnce ? count : 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock<T, V, TColumns, TLaneSums>(
        in WeightedRows<T> rows, int row, int count, T* numbers, nint first, nint start, nint end, nint ahead, TLaneSums lanes,
        TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TColumns : struct, IColumnSums<V>
        where TLaneSums : struct, ILaneSums<V>
    {
        if (V.Count == Lanes && count == Thresholds.RowsAtOnce)
            AddBlock<T, V, On, TColumns, TLaneSums>(rows, row, numbers, first, start, end, ahead, lanes, columnSums);
        else
            AddBlock<T, V, Off, TColumns, TLaneSums>(rows, row, numbers, first, start, end, ahead, lanes, columnSums);
    }

    /// <summary>Neighboring elements that fill the lanes: two vectors of one row at a time, or one vector of each of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddBlock<T, V, TFour, TColumns, TLaneSums>(
        in WeightedRows<T> rows, int index, T* numbers, nint first, nint start, nint end, nint ahead, TLaneSums lanes, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TFour : struct, IFlag
        where TColumns : struct, IColumnSums<V>
        where TLaneSums : struct, ILaneSums<V>
    {
        // Where there is one row, the other three variables refer to it too, and are not used.
        int others = TFour.Value ? 1 : 0;
        Row<T, V> row0 = new(rows, numbers, index, first), row1 = new(rows, numbers, index + others, first);
        Row<T, V> row2 = new(rows, numbers, index + (2 * others), first), row3 = new(rows, numbers, index + (3 * others), first);
        T* weights = rows.Weight + first;
        for (int vector = 0; vector < Lanes / V.Count; vector += 2)
        {
            V s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            for (nint i = start + (vector * V.Count); i < end; i += Lanes)
            {
                if (ahead != 0)
                    row0.Prefetch(i + ahead);
                V weight = V.Load(weights + i);
                columnSums.Load(i, out V sum, out V product);
                row0.Add(default(Whole), i, weight, ref s0, ref p0, ref sum, ref product);
                if (TFour.Value)
                {
                    if (ahead != 0)
                    {
                        row1.Prefetch(i + ahead);
                        row2.Prefetch(i + ahead);
                        row3.Prefetch(i + ahead);
                    }
                    row1.Add(default(Whole), i, weight, ref s1, ref p1, ref sum, ref product);
                    row2.Add(default(Whole), i, weight, ref s2, ref p2, ref sum, ref product);
                    row3.Add(default(Whole), i, weight, ref s3, ref p3, ref sum, ref product);
                }
                columnSums.Store(i, default(Whole), sum, product);
                if (V.Count == Lanes)
                    continue;
                nint next = i + V.Count;
                columnSums.Load(next, out sum, out product);
                row0.Add(default(Whole), next, V.Load(weights + next), ref s1, ref p1, ref sum, ref product);
                columnSums.Store(next, default(Whole), sum, product);
            }
            if (TFour.Value)
            {
                lanes.AddFour(s0, s1, s2, s3, p0, p1, p2, p3);
                return;
            }
            lanes.Add(vector, s0, p0);
            if (V.Count < Lanes)
                lanes.Add(vector + 1, s1, p1);
            ahead = 0;
        }
    }

    /// <summary>The elements past those that fill the lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddRest<T, V, TColumns, TLaneSums>(
        in WeightedRows<T> rows, int index, T* numbers, nint first, nint start, nint end, TLaneSums lanes, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TColumns : struct, IColumnSums<V>
        where TLaneSums : struct, ILaneSums<V>
    {
        Row<T, V> row = new(rows, numbers, index, first);
        for (int vector = 0; start < end; vector++, start += V.Count)
        {
            V sum = default, product = default;
            Part part = new(Math.Min(V.Count, end - start));
            columnSums.Load(start, out V columnSum, out V columnProduct);
            row.Add(part, start, part.Load<V, T>(rows.Weight + first + start), ref sum, ref product, ref columnSum, ref columnProduct);
            columnSums.Store(start, part, columnSum, columnProduct);
            lanes.Add(vector, sum, product);
        }
    }
}
