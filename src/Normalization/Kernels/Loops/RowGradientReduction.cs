using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>Rows that share their weights, a stride apart, with statistics of their own, a step apart.</summary>
internal readonly unsafe struct WeightedRows<T>(
    T* input, T* outputGradient, T* weight, nint stride, GroupStatistics* statistics, double* pivots, GradientAffine* affines, nint step)
    where T : unmanaged
{
    public readonly T* Input = input;
    public readonly T* OutputGradient = outputGradient;
    public readonly T* Weight = weight;
    public readonly nint Stride = stride;
    public readonly GroupStatistics* Statistics = statistics;

    /// <summary>What weight · dy of each row is taken about; not there for floats.</summary>
    public readonly double* Pivots = pivots;

    /// <summary>The coefficients of the input gradient of each row, once there are any.</summary>
    public readonly GradientAffine* Affines = affines;

    public readonly nint Step = step;

    /// <summary>The rows from the one that lies <paramref name="rows"/> below on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightedRows<T> Down(nint rows) =>
        new(
            Input + (rows * Stride), OutputGradient + (rows * Stride), Weight, Stride,
            Statistics + (rows * Step), Pivots + (rows * Step), Affines + (rows * Step), Step);
}

/// <summary>
/// One pass over one row or four for all that backward needs of them: Σ g and Σ g · (x - mean) of each row, with g = weight · dy (of
/// doubles Σ (g - pivot) and Σ (g - pivot) · x̂), and for each column Σ dy and Σ dy · x̂, to which every row adds in order. Where
/// <see cref="NarrowRowGradients"/> covers the rows, the sums of floats are taken in float, and are Σ g and Σ g · x̂. A row's
/// sums are those of its tiles added in order. They have a fixed layout of 8 lanes of double (of doubles in blocks), element i in lane
/// i mod 8; the elements past the last multiple of 8 are added as the last lanes of the 8 that end the row.
/// </summary>
internal static unsafe class RowGradientReduction
{
    private const int Lanes = 8;
    // Doubles are added in blocks of this many elements. Fewer elements round off less.
    private const nint BlockLength = 256;

    /// <summary>
    /// The columns' sums are read and written in whole vectors. Four rows prefetch the memory that lies <paramref name="ahead"/>, unless
    /// <paramref name="ahead"/> is zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<T, V, W>(
        in WeightedRows<T> rows, bool areFour, bool isNarrow, nint columns, nint ahead, Sums* rowSums, in ParameterSums<T> sums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        if (columns <= Thresholds.RowTile)
        {
            RunTile<T, V, W>(rows, areFour, isNarrow, 0, columns, ahead, rowSums, sums);
            return;
        }
        int count = areFour ? Thresholds.RowsAtOnce : 1;
        TotalSums* totals = stackalloc TotalSums[Thresholds.RowsAtOnce];
        new Span<TotalSums>(totals, Thresholds.RowsAtOnce).Clear();
        for (nint column = 0; column < columns; column += Thresholds.RowTile)
        {
            nint tile = Math.Min(Thresholds.RowTile, columns - column);
            RunTile<T, V, W>(rows, areFour, isNarrow, column, tile, ahead, rowSums, sums.At(column));
            for (int row = 0; row < count; row++)
                totals[row].Add(rowSums[row]);
        }
        for (int row = 0; row < count; row++)
            rowSums[row] = totals[row].Value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RunTile<T, V, W>(
        in WeightedRows<T> rows, bool areFour, bool isNarrow, nint column, nint columns, nint ahead, Sums* rowSums,
        in ParameterSums<T> sums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        if (isNarrow)
            RunNarrow<T, V, W>(rows, areFour, column, columns, ahead, rowSums, sums);
        else if (areFour && ahead != 0)
            Run<T, W, On, On>(rows, column, columns, ahead, rowSums, sums.Sums, sums.Products);
        else if (areFour)
            Run<T, W, On, Off>(rows, column, columns, ahead, rowSums, sums.Sums, sums.Products);
        else
            Run<T, W, Off, Off>(rows, column, columns, ahead, rowSums, sums.Sums, sums.Products);
    }

    /// <summary>Sums in float. A row whose x̂ leaves the range of floats, and its neighbors, are summed one by one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunNarrow<T, V, W>(
        in WeightedRows<T> rows, bool areFour, nint column, nint columns, nint ahead, Sums* rowSums, in ParameterSums<T> sums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        T* numbers = stackalloc T[NarrowRowGradients.Numbers];
        if (NarrowRowGradients.TryScale(rows, areFour, numbers))
        {
            NarrowRowGradients.Run<T, V, W, NarrowRowGradients.FloatSums<T, V>>(
                rows, areFour ? Thresholds.RowsAtOnce : 1, numbers, column, columns, areFour ? ahead : 0, rowSums,
                new(sums.FloatSums, sums.FloatProducts));
            return;
        }
        for (int i = 0; areFour && i < Thresholds.RowsAtOnce; i++)
            RunNarrow<T, V, W>(rows.Down(i), areFour: false, column, columns, 0, rowSums + i, sums);
        if (areFour)
            return;
        Run<T, W, Off, Off>(rows, column, columns, 0, rowSums, sums.Sums, sums.Products);
        rowSums->Product = rows.Statistics->InverseStandardDeviation
            * (rowSums->Product - (rows.Statistics->MeanLow * rowSums->Sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<T, W, TFour, TAhead>(
        in WeightedRows<T> rows, nint first, nint columns, nint ahead, Sums* rowSums, double* sums, double* products)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TFour : struct, IFlag
        where TAhead : struct, IFlag
    {
        // Where there is one row, the other three variables refer to it too, and are not used.
        int others = TFour.Value ? 1 : 0;
        Row<T, W> row0 = new(rows, 0, first), row1 = new(rows, others, first);
        Row<T, W> row2 = new(rows, 2 * others, first), row3 = new(rows, 3 * others, first);
        T* weight = rows.Weight + first;
        double* lanes = stackalloc double[2 * Thresholds.RowsAtOnce * Lanes];
        if (typeof(T) == typeof(double))
            new Span<double>(lanes, 2 * Thresholds.RowsAtOnce * Lanes).Clear();
        int vectors = TFour.Value ? Thresholds.RowsAtOnce : 1;
        nint tail = columns & (Lanes - 1);
        for (nint lane = 0; lane < Lanes; lane += W.Count)
        {
            nint left = BlockLength;
            W s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            nint i = lane;
            for (; i < columns - tail; i += Lanes)
            {
                if (typeof(T) == typeof(double) && (left -= Lanes) < 0)
                {
                    LaneSums.AddBlock<T, W>(
                        lanes + lane, 2 * Lanes, Lanes, vectors, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
                    left = BlockLength - Lanes;
                }
                if (TAhead.Value && RawMemory.BeginsLine<T>(i, Lanes))
                {
                    row0.Prefetch(i + ahead);
                    row1.Prefetch(i + ahead);
                    row2.Prefetch(i + ahead);
                    row3.Prefetch(i + ahead);
                }
                W w = W.Load(weight + i), sum = W.LoadDoubles(sums + i), product = W.LoadDoubles(products + i);
                row0.Add(W.Load(row0.OutputGradient + i), W.Load(row0.Input + i), w, ref s0, ref p0, ref sum, ref product);
                if (TFour.Value)
                {
                    row1.Add(W.Load(row1.OutputGradient + i), W.Load(row1.Input + i), w, ref s1, ref p1, ref sum, ref product);
                    row2.Add(W.Load(row2.OutputGradient + i), W.Load(row2.Input + i), w, ref s2, ref p2, ref sum, ref product);
                    row3.Add(W.Load(row3.OutputGradient + i), W.Load(row3.Input + i), w, ref s3, ref p3, ref sum, ref product);
                }
                W.StoreDoubles(sums + i, sum);
                W.StoreDoubles(products + i, product);
            }
            LaneSums.AddBlock<T, W>(
                lanes + lane, 2 * Lanes, Lanes, vectors, ref s0, ref s1, ref s2, ref s3, ref p0, ref p1, ref p2, ref p3);
        }
        if (tail != 0)
        {
            row0.AddTail(weight, columns, lanes, sums, products);
            if (TFour.Value)
            {
                row1.AddTail(weight, columns, lanes + (2 * Lanes), sums, products);
                row2.AddTail(weight, columns, lanes + (4 * Lanes), sums, products);
                row3.AddTail(weight, columns, lanes + (6 * Lanes), sums, products);
            }
        }
        for (int row = 0; row <= 3 * others; row++)
        {
            double* own = lanes + (2 * row * Lanes);
            rowSums[row] = new() { Sum = HorizontalSum(own), Product = HorizontalSum(own + Lanes) };
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static double HorizontalSum(double* lanes) =>
            Reduction.HorizontalSumOfEight<T, W>(Lane(lanes, 0), Lane(lanes, W.Count), Lane(lanes, 2 * W.Count), Lane(lanes, 3 * W.Count));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static W Lane(double* lanes, nint lane) => lane < Lanes ? W.LoadDoubles(lanes + lane) : default;
    }

    private readonly struct Row<T, W>
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        public readonly T* Input;
        public readonly T* OutputGradient;
        private readonly W _mean;
        private readonly W _scale;
        private readonly W _shift;
        private readonly W _outputPivot;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Row(in WeightedRows<T> rows, int index, nint first)
        {
            GroupStatistics* statistics = rows.Statistics + (index * rows.Step);
            Input = rows.Input + (index * rows.Stride) + first;
            OutputGradient = rows.OutputGradient + (index * rows.Stride) + first;
            _mean = W.Broadcast(statistics->Mean);
            _scale = W.Broadcast(statistics->InverseStandardDeviation);
            _shift = W.Broadcast(-statistics->MeanLow * statistics->InverseStandardDeviation);
            _outputPivot = typeof(T) == typeof(double) ? W.Broadcast(rows.Pivots[index * rows.Step]) : default;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            RawMemory.PrefetchFar(Input + i);
            RawMemory.PrefetchFar(OutputGradient + i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(W dy, W x, W weight, ref W rowSum, ref W rowProduct, ref W sum, ref W product) =>
            AddCentered(dy, Excess(dy, weight), Center(x), weight, ref rowSum, ref rowProduct, ref sum, ref product);

        /// <summary>The elements past the last multiple of the lanes, or all of a row that is shorter.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void AddTail(T* weight, nint width, double* lanes, double* sums, double* products)
        {
            nint start = Math.Max(0, width - Lanes), tail = width & (Lanes - 1);
            for (nint lane = 0; lane < Math.Min(Lanes, width); lane += W.Count)
            {
                nint i = start + lane, count = Math.Min(W.Count, width - i);
                W dy = W.LoadPart(OutputGradient + i, count), w = W.LoadPart(weight + i, count);
                W excess = Excess(dy, w), d = Center(W.LoadPart(Input + i, count));
                dy = width < Lanes ? Reduction.MaskFirst<W, T>(dy, count) : Reduction.MaskLast<W, T>(dy, Lanes, tail, lane);
                d = width < Lanes ? Reduction.MaskFirst<W, T>(d, count) : Reduction.MaskLast<W, T>(d, Lanes, tail, lane);
                if (typeof(T) == typeof(double))
                    excess = width < Lanes ? Reduction.MaskFirst<W, T>(excess, count) : Reduction.MaskLast<W, T>(excess, Lanes, tail, lane);
                W rowSum = W.LoadDoubles(lanes + lane), rowProduct = W.LoadDoubles(lanes + Lanes + lane);
                W sum = W.LoadDoubles(sums + i), product = W.LoadDoubles(products + i);
                AddCentered(dy, excess, d, w, ref rowSum, ref rowProduct, ref sum, ref product);
                W.StoreDoubles(lanes + lane, rowSum);
                W.StoreDoubles(lanes + Lanes + lane, rowProduct);
                W.StoreDoubles(sums + i, sum);
                W.StoreDoubles(products + i, product);
            }
        }

        /// <summary>
        /// x - mean for floats, whose mean is close enough as one double; x̂ for doubles, whose products with dy could leave their
        /// range.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private W Center(W x) => typeof(T) == typeof(float) ? x - _mean : W.FusedMultiplyAdd(x - _mean, _scale, _shift);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private W Excess(W dy, W weight) =>
            typeof(T) == typeof(float) ? default : W.FusedMultiplyAdd(weight, dy, default(W) - _outputPivot);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddCentered(W dy, W excess, W d, W weight, ref W rowSum, ref W rowProduct, ref W sum, ref W product)
        {
            sum += dy;
            if (typeof(T) == typeof(double))
            {
                rowSum += excess;
                rowProduct = W.FusedMultiplyAdd(excess, d, rowProduct);
                product = W.FusedMultiplyAdd(dy, d, product);
                return;
            }
            W dyd = dy * d;
            rowSum = W.FusedMultiplyAdd(weight, dy, rowSum);
            rowProduct = W.FusedMultiplyAdd(weight, dyd, rowProduct);
            product = W.FusedMultiplyAdd(_scale, dyd, product);
        }
    }
}
