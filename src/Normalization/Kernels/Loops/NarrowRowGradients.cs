using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The sums of <see cref="RowGradientReduction"/> of floats, taken in float: Σ g and Σ g · x̂ of each row in 16 lanes, at most 16
/// elements of a lane before the lane is added to a double, or, in rows below 256 elements, to three other lanes; of each column the
/// terms of at most four rows before they are added to a double. x̂ and dy are scaled down by powers of two, so that no product and no
/// sum of four terms overflows.
/// </summary>
internal static unsafe partial class NarrowRowGradients
{
    /// <summary>The size of the numbers that make x̂ of one row or four.</summary>
    public const int Numbers = 3 * Thresholds.RowsAtOnce;

    private const int Lanes = 16;
    private const int BlockLength = 256;
    private const double InputScale = 1 << 18;
    private const double GradientScale = 4;

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

    /// <summary>The sums of one row or four in neighboring columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, V, W, TFour, TColumns>(
        in WeightedRows<T> rows, T* numbers, nint first, nint columns, nint ahead, Sums* rowSums, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TFour : struct, IFlag
        where TColumns : struct, IColumnSums<V>
    {
        if (columns < BlockLength)
        {
            RunShort<T, V, TFour, TColumns>(rows, numbers, first, columns, ahead, rowSums, columnSums);
            return;
        }
        int count = TFour.Value ? Thresholds.RowsAtOnce : 1;
        double* lanes = stackalloc double[2 * Thresholds.RowsAtOnce * Lanes];
        new Span<double>(lanes, 2 * count * Lanes).Clear();
        nint whole = columns & -Lanes;
        for (nint start = 0; start < whole; start += BlockLength)
        {
            nint end = Math.Min(start + BlockLength, whole);
            for (nint lane = 0; lane < Lanes; lane += V.Count)
            {
                AddUp<T, V, TFour, Whole, TColumns, DoubleLanes<T, V, W>>(
                    rows, numbers, default, first, start + lane, end, lane == 0 ? ahead : 0, new(lanes + lane), columnSums);
            }
        }
        for (nint lane = whole; lane < columns; lane += V.Count)
        {
            Part part = new(Math.Min(V.Count, columns - lane));
            AddUp<T, V, TFour, Part, TColumns, DoubleLanes<T, V, W>>(
                rows, numbers, part, first, lane, columns, ahead: 0, new(lanes + lane - whole), columnSums);
        }
        for (int row = 0; row < count; row++)
        {
            double* own = lanes + (2 * row * Lanes);
            rowSums[row] = new() { Sum = Reduction.HorizontalSum<T, W>(own), Product = Reduction.HorizontalSum<T, W>(own + Lanes) };
        }
    }

    /// <summary>
    /// Rows of less than one block: their lanes are added in fours, and the fours of four rows side by side, because the lanes of a row
    /// would cost as much as the row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunShort<T, V, TFour, TColumns>(
        in WeightedRows<T> rows, T* numbers, nint first, nint columns, nint ahead, Sums* rowSums, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TFour : struct, IFlag
        where TColumns : struct, IColumnSums<V>
    {
        const int Size = 2 * Thresholds.RowsAtOnce * Lanes;
        float* sums = stackalloc float[2 * Size], rest = sums + Size;
        nint whole = columns & -Lanes;
        for (nint lane = 0; lane < Lanes; lane += V.Count)
        {
            AddUp<T, V, TFour, Whole, TColumns, FloatFours<T, V>>(
                rows, numbers, default, first, lane, whole, lane == 0 ? ahead : 0, new(sums + (lane / V.Count * Lanes)), columnSums);
        }
        if (whole < columns)
            new Span<float>(rest, Size).Clear();
        for (nint lane = whole; lane < columns; lane += V.Count)
        {
            Part part = new(Math.Min(V.Count, columns - lane));
            AddUp<T, V, TFour, Part, TColumns, FloatFours<T, V>>(
                rows, numbers, part, first, lane, columns, ahead: 0, new(rest + ((lane - whole) / V.Count * Lanes)), columnSums);
        }
        Simd.Lanes.Run(
            new ShortSums(sums, whole < columns ? rest : null, Lanes / V.Count, rowSums), 0, TFour.Value ? Thresholds.RowsAtOnce : 1);
    }

    /// <summary>One vector of lanes. It is a method of its own, because the JIT inlines only so much into one method.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddUp<T, V, TFour, TAccess, TColumns, TLaneSums>(
        in WeightedRows<T> rows, T* numbers, TAccess access, nint first, nint i, nint end, nint ahead, TLaneSums lanes, TColumns columnSums)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TFour : struct, IFlag
        where TAccess : struct, IAccess
        where TColumns : struct, IColumnSums<V>
        where TLaneSums : struct, ILaneSums<V>
    {
        // Where there is one row, the other three variables refer to it too, and are not used.
        int others = TFour.Value ? 1 : 0;
        Row<T, V> row0 = new(rows, numbers, 0, first), row1 = new(rows, numbers, others, first);
        Row<T, V> row2 = new(rows, numbers, 2 * others, first), row3 = new(rows, numbers, 3 * others, first);
        T* weights = rows.Weight + first;
        V s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
        V scale = V.Broadcast(1 / GradientScale);
        for (; i < end; i += Lanes)
        {
            if (ahead != 0)
            {
                row0.Prefetch(i + ahead);
                row1.Prefetch(i + ahead);
                row2.Prefetch(i + ahead);
                row3.Prefetch(i + ahead);
            }
            V w = access.Load<V, T>(weights + i);
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
        if (TFour.Value)
            lanes.AddFour(s0, s1, s2, s3, p0, p1, p2, p3);
        else
            lanes.Add(0, s0, p0);
    }

    private readonly struct ShortSums(float* sums, float* rest, int fours, Sums* rowSums) : ILaneJob
    {
        private readonly float* _sums = sums;
        private readonly float* _rest = rest;
        private readonly int _fours = fours;
        private readonly Sums* _rowSums = rowSums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            nint place = first * 4, products = place + (Thresholds.RowsAtOnce * Lanes), step = sizeof(Sums) / sizeof(double);
            TLanes sum = TLanes.SumsOfFours(_sums + place, _fours), product = TLanes.SumsOfFours(_sums + products, _fours);
            if (_rest != null)
            {
                sum += TLanes.SumsOfFours(_rest + place, _fours);
                product += TLanes.SumsOfFours(_rest + products, _fours);
            }
            double* numbers = (double*)(_rowSums + first);
            TLanes.Scatter(numbers, step, sum);
            TLanes.Scatter(numbers + 1, step, product * InputScale);
            return true;
        }
    }

    /// <summary>The numbers of rows, and how many of them are right.</summary>
    private readonly ref struct RowNumbers<T>(ref readonly WeightedRows<T> rows, T* numbers, int* held) : ILaneJob where T : unmanaged
    {
        private readonly ref readonly WeightedRows<T> _rows = ref rows;
        private readonly T* _numbers = numbers;
        private readonly int* _held = held;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            // The statistics of several lanes are neighbors.
            if (TLanes.Count > 1 && _rows.Step != 1)
                return false;
            var statistics = GroupStatistics<TLanes>.Load(_rows.Statistics + (first * _rows.Step));
            if (!Hold(statistics))
                return TLanes.Count == 1;
            TLanes scale = statistics.InverseStandardDeviation * (1 / InputScale);
            TLanes.StoreElements(_numbers + first, statistics.Mean);
            TLanes.StoreElements(_numbers + Thresholds.RowsAtOnce + first, scale);
            TLanes.StoreElements(
                _numbers + (2 * Thresholds.RowsAtOnce) + first, -scale * GradientAffine<TLanes>.OffsetFromPivot<T>(statistics));
            *_held += TLanes.Count;
            return true;
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
        public Row(in WeightedRows<T> rows, T* numbers, int index, nint first)
        {
            _input = rows.Input + (index * rows.Stride) + first;
            _outputGradient = rows.OutputGradient + (index * rows.Stride) + first;
            _mean = V.Repeat(numbers + index);
            _scale = V.Repeat(numbers + Thresholds.RowsAtOnce + index);
            _shift = V.Repeat(numbers + (2 * Thresholds.RowsAtOnce) + index);
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
