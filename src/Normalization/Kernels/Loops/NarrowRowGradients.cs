using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The sums of <see cref="RowGradientReduction"/> of floats, taken in float: Σ g and Σ g · x̂ of each row in 16 lanes, at most 16 elements
/// of a lane before the lane is added to a double; of each column the terms of at most four rows before they are added to a double.
/// x̂ and dy are scaled down by powers of two, so that no product and no sum of four terms overflows.
/// </summary>
internal static unsafe class NarrowRowGradients
{
    private const int Lanes = 16;
    private const int BlockLength = 256;
    private const double InputScale = 1 << 18;
    private const double GradientScale = 4;

    /// <summary>Whether rows of this length are summed in float. Shorter rows do not gain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Cover<T>(nint length) => typeof(T) == typeof(float) && length >= BlockLength;

    /// <summary>Whether x̂ of a row can be computed in float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Hold(in GroupStatistics statistics) =>
        NumericRange.Spans<float, One>(statistics)
        && NumericRange.Holds<float, One>(statistics.InverseStandardDeviation)
        && NumericRange.Holds<float, One>(statistics.InverseStandardDeviation * statistics.Mean);

    /// <summary>The sums of one row or four in neighboring columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TFour, TColumns>(
        in WeightedRows<T> rows, nint first, nint columns, nint ahead, Sums* rowSums, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TFour : struct, IFlag
        where TColumns : struct, IColumnSums<V>
    {
        int count = TFour.Value ? Thresholds.RowsAtOnce : 1;
        Rows<T, V> four = new(rows, first, TFour.Value);
        double* lanes = stackalloc double[2 * Thresholds.RowsAtOnce * Lanes];
        new Span<double>(lanes, 2 * count * Lanes).Clear();
        nint whole = columns & -Lanes;
        for (nint start = 0; start < whole; start += BlockLength)
        {
            nint end = Math.Min(start + BlockLength, whole);
            for (nint lane = 0; lane < Lanes; lane += V.Count)
            {
                AddBlock<T, V, W, TFour, Whole, TColumns>(
                    four, default, start + lane, end, lane == 0 ? ahead : 0, lanes + lane, columnSums);
            }
        }
        for (nint lane = whole; lane < columns; lane += V.Count)
        {
            Part part = new(Math.Min(V.Count, columns - lane));
            AddBlock<T, V, W, TFour, Part, TColumns>(four, part, lane, columns, ahead: 0, lanes + lane - whole, columnSums);
        }
        for (int row = 0; row < count; row++)
        {
            double* own = lanes + (2 * row * Lanes);
            rowSums[row] = new() { Sum = Reduction.HorizontalSum<T, W>(own), Product = Reduction.HorizontalSum<T, W>(own + Lanes) };
        }
    }

    /// <summary>One vector of lanes of a block. It is a method of its own, because the JIT inlines only so much into one method.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddBlock<T, V, W, TFour, TAccess, TColumns>(
        in Rows<T, V> rows, TAccess access, nint i, nint end, nint ahead, double* lanes, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TFour : struct, IFlag
        where TAccess : struct, IAccess
        where TColumns : struct, IColumnSums<V>
    {
        Row<T, V> row0 = rows.Row0;
        Unsafe.SkipInit(out Row<T, V> row1);
        Unsafe.SkipInit(out Row<T, V> row2);
        Unsafe.SkipInit(out Row<T, V> row3);
        if (TFour.Value)
            (row1, row2, row3) = (rows.Row1, rows.Row2, rows.Row3);
        T* weight = rows.Weight;
        V s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
        V scale = V.Broadcast(1 / GradientScale);
        for (; i < end; i += Lanes)
        {
            if (ahead != 0)
                rows.Prefetch(i + ahead);
            V w = access.Load<V, T>(weight + i);
            row0.Add(access, i, w, ref s0, ref p0, out V dy0, out V n0);
            V sum = dy0 * scale, product = dy0 * n0;
            if (TFour.Value)
            {
                row1.Add(access, i, w, ref s1, ref p1, out V dy1, out V n1);
                sum = V.FusedMultiplyAdd(dy1, scale, sum);
                product = V.FusedMultiplyAdd(dy1, n1, product);
                row2.Add(access, i, w, ref s2, ref p2, out V dy2, out V n2);
                V otherSum = dy2 * scale, otherProduct = dy2 * n2;
                row3.Add(access, i, w, ref s3, ref p3, out V dy3, out V n3);
                sum += V.FusedMultiplyAdd(dy3, scale, otherSum);
                product += V.FusedMultiplyAdd(dy3, n3, otherProduct);
            }
            columnSums.Add(i, access, sum, product);
        }
        AddLanes<T, V, W>(lanes, s0, p0);
        if (TFour.Value)
        {
            AddLanes<T, V, W>(lanes + (2 * Lanes), s1, p1);
            AddLanes<T, V, W>(lanes + (4 * Lanes), s2, p2);
            AddLanes<T, V, W>(lanes + (6 * Lanes), s3, p3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddLanes<T, V, W>(double* lanes, V sum, V product)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        AddScaled<T, V, W>(lanes, sum, 1);
        AddScaled<T, V, W>(lanes + Lanes, product, InputScale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled<T, V, W>(double* destination, V value, double scale)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        (W lower, W upper) = V.Widen<W>(value);
        W factor = W.Broadcast(scale);
        W.StoreDoubles(destination, W.FusedMultiplyAdd(lower, factor, W.LoadDoubles(destination)));
        W.StoreDoubles(destination + W.Count, W.FusedMultiplyAdd(upper, factor, W.LoadDoubles(destination + W.Count)));
    }

    /// <summary>Where the terms of the columns go, scaled down as they are.</summary>
    public interface IColumnSums<V> where V : unmanaged
    {
        void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess;
    }

    /// <summary>Sums in double of many rows, which are read and written 16 at a time.</summary>
    public readonly struct DoubleSums<T, V, W>(double* sums, double* products) : IColumnSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        private readonly double* _sums = sums;
        private readonly double* _products = products;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
        {
            AddScaled<T, V, W>(_sums + i, sum, GradientScale);
            AddScaled<T, V, W>(_products + i, product, InputScale);
        }
    }

    /// <summary>
    /// The gradients themselves, unless they are null, where there is one row. One addition in float has the bits of an addition in double
    /// that is rounded to float.
    /// </summary>
    public readonly struct Gradients<T, V>(T* bias, T* weight) : IColumnSums<V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly T* _bias = bias;
        private readonly T* _weight = weight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(nint i, TAccess access, V sum, V product) where TAccess : struct, IAccess
        {
            if (_bias != null)
                AddTo(_bias + i, access, sum, GradientScale);
            if (_weight != null)
                AddTo(_weight + i, access, product, InputScale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddTo<TAccess>(T* gradient, TAccess access, V value, double scale) where TAccess : struct, IAccess =>
            access.Store(gradient, V.FusedMultiplyAdd(value, V.Broadcast(scale), access.Load<V, T>(gradient)));
    }

    private readonly struct Rows<T, V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        public readonly Row<T, V> Row0;
        public readonly Row<T, V> Row1;
        public readonly Row<T, V> Row2;
        public readonly Row<T, V> Row3;
        public readonly T* Weight;

        /// <summary>One row or four; the other three are not there.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Rows(in WeightedRows<T> rows, nint first, bool areFour)
        {
            Unsafe.SkipInit(out this);
            Row0 = new(rows, 0, first);
            if (areFour)
                (Row1, Row2, Row3) = (new(rows, 1, first), new(rows, 2, first), new(rows, 3, first));
            Weight = rows.Weight + first;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            Row0.Prefetch(i);
            Row1.Prefetch(i);
            Row2.Prefetch(i);
            Row3.Prefetch(i);
        }
    }

    private readonly struct Row<T, V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly T* _input;
        private readonly T* _outputGradient;
        private readonly V _mean;
        private readonly V _scale;
        private readonly V _shift;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Row(in WeightedRows<T> rows, int index, nint first)
        {
            GroupStatistics* statistics = rows.Statistics + (index * rows.Step);
            _input = rows.Input + (index * rows.Stride) + first;
            _outputGradient = rows.OutputGradient + (index * rows.Stride) + first;
            double scale = statistics->InverseStandardDeviation * (1 / InputScale);
            _mean = V.Broadcast(statistics->Mean);
            _scale = V.Broadcast(scale);
            _shift = V.Broadcast(-scale * GradientAffine.OffsetFromPivot<T>(*statistics));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            RawMemory.PrefetchFar(_input + i);
            RawMemory.PrefetchFar(_outputGradient + i);
        }

        /// <summary>Where elements are missing, dy and the weight are zero, and x̂ is finite.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(TAccess access, nint i, V weight, ref V rowSum, ref V rowProduct, out V dy, out V normalized)
            where TAccess : struct, IAccess
        {
            dy = access.Load<V, T>(_outputGradient + i);
            normalized = V.FusedMultiplyAdd(access.Load<V, T>(_input + i) - _mean, _scale, _shift);
            V gradient = dy * weight;
            rowSum += gradient;
            rowProduct = V.FusedMultiplyAdd(gradient, normalized, rowProduct);
        }
    }
}
