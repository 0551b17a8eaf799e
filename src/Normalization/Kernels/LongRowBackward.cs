using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// Backward over rows too long to gather their parameter gradients in the cache: first the sums of all rows, then tiles of
/// columns, each down all the rows.
/// </summary>
internal static unsafe class LongRowBackward<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    public static void Run(in GroupLayout layout, in Operands<T> operands, int degree, bool isStreamed)
    {
        nint segments = layout.Unit.Segments;
        using var scratch = new Scratch<Sums>(layout.Groups * segments);
        using var gradientScratch = new Scratch<GradientAffine>(layout.Groups);
        fixed (Sums* sums = scratch.Span)
        fixed (GradientAffine* gradients = gradientScratch.Span)
        {
            Partition.For(new RowSegmentSums(layout, operands, sums), layout.Groups * segments, degree);
            for (nint row = 0; row < layout.Groups; row++)
            {
                Sums total = default;
                for (nint i = 0; i < segments; i++)
                    total.Add(sums[(row * segments) + i]);
                gradients[row] = Coefficients(layout, operands, row, total, GradientAffine.Low<T>(operands.Statistics[row]));
            }
            nint tiles = layout.Channels * ((layout.Unit.Length + Thresholds.LongRowTile - 1) / Thresholds.LongRowTile);
            Partition.For(new ColumnTiles(layout, operands, gradients, isStreamed), tiles, degree);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Sums SegmentSums(in GroupLayout layout, in Operands<T> operands, nint row, in Segment segment)
    {
        nint offset = (row * layout.Unit.Length) + segment.Offset;
        nint weight = (row % layout.Channels * layout.Unit.Length) + segment.Offset;
        var terms = new WeightedGradientTerms<T, W>(
            operands.Input + offset,
            operands.OutputGradient + offset,
            operands.Weight + weight,
            Element.Round<T>(operands.Statistics[row].Mean));
        return Reduction.Run<T, W, WeightedGradientTerms<T, W>>(terms, 1, segment.Length, 0);
    }

    /// <summary>From sums about a pivot that lies <paramref name="low"/> below the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine Coefficients(
        in GroupLayout layout, in Operands<T> operands, nint row, in Sums aboutPivot, double low)
    {
        double product = aboutPivot.Product - (low * aboutPivot.Sum);
        return Projection.Create<T>(operands.Statistics[row], aboutPivot.Sum, product, layout.Unit.Length, operands.IsCentered).Weighted<T>(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(in Operands<T> operands, in GradientAffine affine, nint offset, nint weight, nint length, bool isStreamed, nint ahead)
    {
        if (affine.IsNarrow)
            Write<V>(operands, affine, offset, weight, length, isStreamed, ahead);
        else
            Write<W>(operands, affine, offset, weight, length, isStreamed, ahead);
    }

    /// <summary>A parameter's gradient, if it is wanted, gains what was gathered for some of its elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(T* gradient, nint offset, double* terms, nint count)
    {
        if (gradient != null)
            Map.Run<T, W, AccumulateMap<T, W>, Nothing>(new(gradient + offset, terms), new(gradient + offset, count, isStreamed: false, ahead: 0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<TVector>(
        in Operands<T> operands, in GradientAffine affine, nint offset, nint weight, nint length, bool isStreamed, nint ahead)
        where TVector : unmanaged, ISimd<TVector, T> =>
        Map.Run<T, TVector, WeightedGradientMap<T, TVector>, TVector>(
            new(operands.Input + offset, operands.OutputGradient + offset, operands.Weight + weight, affine),
            new(operands.InputGradient + offset, length, isStreamed, ahead));

    private readonly struct RowSegmentSums(GroupLayout layout, Operands<T> operands, Sums* sums) : IJob
    {
        private readonly GroupLayout _layout = layout;
        private readonly Operands<T> _operands = operands;
        private readonly Sums* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            RunSet set = _layout.Unit;
            for (nint i = start; i < end; i++)
                _sums[i] = SegmentSums(_layout, _operands, i / set.Segments, set[i % set.Segments]);
        }
    }

    private readonly struct ColumnTiles(GroupLayout layout, Operands<T> operands, GradientAffine* gradients, bool isStreamed) : IJob
    {
        private readonly GroupLayout _layout = layout;
        private readonly Operands<T> _operands = operands;
        private readonly GradientAffine* _gradients = gradients;
        private readonly bool _isStreamed = isStreamed;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            double* memory = stackalloc double[(int)Memory.LineRoom(2 * Thresholds.LongRowTile)], sums = Memory.AtLine(memory);
            double* products = sums + Thresholds.LongRowTile;
            (nint width, nint period) = (_layout.Unit.Length, _layout.Channels);
            nint tilesPerRow = (width + Thresholds.LongRowTile - 1) / Thresholds.LongRowTile;
            for (nint tile = start; tile < end; tile++)
            {
                (nint phase, nint column) = (tile / tilesPerRow, tile % tilesPerRow * Thresholds.LongRowTile);
                nint columns = Math.Min(Thresholds.LongRowTile, width - column), weight = (phase * width) + column;
                new Span<double>(sums, 2 * Thresholds.LongRowTile).Clear();
                var terms = new ParameterRow<T, W>(
                    _operands.Input + weight, _operands.OutputGradient + weight, period * width, _operands.Statistics + phase, period);
                nint rows = (_layout.Groups - phase + period - 1) / period;
                ColumnReduction.Run<T, W, ParameterRow<T, W>, Nothing>(terms, rows, columns, ahead: 0, sums, products);
                Accumulate(_operands.WeightGradient, weight, products, columns);
                Accumulate(_operands.BiasGradient, weight, sums, columns);
                for (nint row = phase; row < _layout.Groups; row += period)
                    Write(_operands, _gradients[row], (row * width) + column, weight, columns, _isStreamed, ahead: 0);
            }
            if (_isStreamed)
                Fence.Publish();
        }
    }
}
