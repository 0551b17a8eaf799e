using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward over rows whose parameter gradients do not fit the cache. A first pass goes down all rows in each tile of columns, and
/// gives the parameter gradients and the sums of the rows. A second pass writes the input gradients.
/// </summary>
internal readonly unsafe struct LongRowBackward<T, V, W> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    // After so many rows a sum starts again at zero. Fewer rows round off less.
    private static nint RowsPerSum => typeof(T) == typeof(double) ? 64 : NarrowRowGradients.RowsInFloats;

    private readonly GroupLayout _layout;
    private readonly BackwardOperands<T> _operands;
    private readonly Sums* _sums;
    private readonly GradientAffine* _affines;
    private readonly double* _pivots;
    private readonly nint _ahead;
    private readonly bool _isStreamed;

    private LongRowBackward(
        in GroupLayout layout, in BackwardOperands<T> operands, Sums* sums, GradientAffine* affines, double* pivots, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _sums = sums;
        _affines = affines;
        _pivots = pivots;
        _isStreamed = isStreamed;
        nint fours = RowsPerPeriod > Thresholds.RowsAtOnce ? Thresholds.RowsAtOnce * layout.CoefficientPeriod * Width : Thresholds.RowTile;
        _ahead = Thresholds.Ahead(2 * layout.Elements * sizeof(T), fours);
    }

    private nint Width => _layout.Unit.Length;

    /// <summary>How many rows share their weights, or one more than do.</summary>
    private nint RowsPerPeriod => (_layout.Groups + _layout.CoefficientPeriod - 1) / _layout.CoefficientPeriod;

    private static nint TilesPerRow(in GroupLayout layout) => (layout.Unit.Length + Thresholds.RowTile - 1) / Thresholds.RowTile;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in GroupLayout layout, in BackwardOperands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        nint tiles = TilesPerRow(layout);
        using var scratch = new Scratch<Sums>(layout.Groups * tiles);
        using var affineScratch = new Scratch<GradientAffine>(layout.Groups);
        using var pivotScratch = new Scratch<double>(layout.Groups);
        fixed (Sums* sums = scratch.Span)
        fixed (GradientAffine* affines = affineScratch.Span)
        fixed (double* pivots = pivotScratch.Span)
        {
            for (nint row = 0; row < layout.Groups; row++)
                pivots[row] = RowGradients<T, V, W>.Pivot(layout, operands, row);
            bool isStreamed = Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T));
            var job = new LongRowBackward<T, V, W>(layout, operands, sums, affines, pivots, isStreamed);
            Partition.For(job, layout.CoefficientPeriod * tiles, degree);
            for (nint row = 0; row < layout.Groups; row++)
            {
                TotalSums total = default;
                for (nint tile = 0; tile < tiles; tile++)
                    total.Add(sums[(row * tiles) + tile]);
                Sums value = total.Value;
                RowGradients<T, V, W>.SetCoefficients(job.Rows(row, 0), layout.Unit, operands.IsCentered, &value);
            }
            nint fours = (job.RowsPerPeriod + Thresholds.RowsAtOnce - 1) / Thresholds.RowsAtOnce;
            Partition.For(new InputGradients(job), fours * layout.CoefficientPeriod * tiles, degree);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        double* memory = stackalloc double[(int)RawMemory.PaddedLength(2 * Thresholds.RowTile)], sums = RawMemory.AtLine(memory);
        int room = (int)ParameterSums<T>.Room(Thresholds.RowTile);
        double* floatMemory = stackalloc double[(int)RawMemory.PaddedLength(room)], floats = RawMemory.AtLine(floatMemory);
        new Span<double>(floats, room).Clear();
        double* rests = stackalloc double[2 * Thresholds.RowTile], totals = stackalloc double[2 * Thresholds.RowTile];
        Sums* rowSums = stackalloc Sums[Thresholds.RowsAtOnce];
        (nint period, nint tiles) = (_layout.CoefficientPeriod, TilesPerRow(_layout));
        for (nint i = start; i < end; i++)
        {
            (nint phase, nint tile) = (i / tiles, i % tiles);
            nint column = tile * Thresholds.RowTile, columns = Math.Min(Thresholds.RowTile, Width - column);
            var columnSums = ParameterSums<T>.Begin(sums, floats, Thresholds.RowTile);
            if (typeof(T) == typeof(double))
            {
                new Span<double>(totals, 2 * Thresholds.RowTile).Clear();
                new Span<double>(rests, 2 * Thresholds.RowTile).Clear();
            }
            nint left = RowsPerSum;
            for (nint row = phase, count; row < _layout.Groups; row += count * period)
            {
                bool areFour = AreFour(row);
                count = areFour ? Thresholds.RowsAtOnce : 1;
                RowGradientReduction.Run<T, V, W>(
                    Rows(row, column), areFour, NarrowRowGradients.Cover<T>(Width), columns, _ahead, rowSums, columnSums);
                for (nint k = 0; k < count; k++)
                    _sums[((row + (k * period)) * tiles) + tile] = rowSums[k];
                if ((left -= count) > 0)
                    continue;
                if (typeof(T) == typeof(double))
                    ColumnReduction.Move<T, W>(totals, rests, sums, 2 * Thresholds.RowTile);
                else
                    columnSums.Move<V, W>(columns);
                left = RowsPerSum;
            }
            if (typeof(T) == typeof(double))
            {
                ColumnReduction.Move<T, W>(totals, rests, sums, 2 * Thresholds.RowTile);
                ColumnReduction.AddRests(totals, rests, 2 * Thresholds.RowTile);
                new Span<double>(totals, 2 * Thresholds.RowTile).CopyTo(new Span<double>(sums, 2 * Thresholds.RowTile));
            }
            else
            {
                columnSums.Move<V, W>(columns);
            }
            RowGradients<T, V, W>.Accumulate(_operands, (phase * Width) + column, columnSums.Sums, columnSums.Products, columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool AreFour(nint row) => row + ((Thresholds.RowsAtOnce - 1) * _layout.CoefficientPeriod) < _layout.Groups;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private WeightedRows<T> Rows(nint row, nint column)
    {
        nint offset = (row * Width) + column, period = _layout.CoefficientPeriod;
        return new(
            _operands.Input + offset,
            _operands.OutputGradient + offset,
            _operands.Weight + (row % period * Width) + column,
            period * Width,
            _operands.Statistics + row,
            _pivots + row,
            _affines + row,
            period);
    }

    private readonly struct InputGradients(LongRowBackward<T, V, W> backward) : IJob
    {
        private readonly LongRowBackward<T, V, W> _backward = backward;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            (nint period, nint tiles) = (_backward._layout.CoefficientPeriod, TilesPerRow(_backward._layout));
            for (nint i = start; i < end; i++)
            {
                (nint four, nint tile) = (i / tiles, i % tiles);
                nint first = (four / period * period * Thresholds.RowsAtOnce) + (four % period), column = tile * Thresholds.RowTile;
                nint columns = Math.Min(Thresholds.RowTile, _backward.Width - column);
                bool areFour = _backward.AreFour(first);
                nint step = areFour ? Thresholds.RowsAtOnce * period : period;
                nint last = Math.Min(first + (Thresholds.RowsAtOnce * period), _backward._layout.Groups);
                for (nint row = first; row < last; row += step)
                {
                    T* output = _backward._operands.InputGradient + (row * _backward.Width) + column;
                    Target<T> target = new(output, columns, _backward._isStreamed, _backward._ahead == 0 ? 0 : Thresholds.RowTile);
                    RowGradients<T, V, W>.Write(_backward.Rows(row, column), areFour ? Thresholds.RowsAtOnce : 1, target);
                }
            }
            if (_backward._isStreamed)
                Fence.Publish();
        }
    }
}
