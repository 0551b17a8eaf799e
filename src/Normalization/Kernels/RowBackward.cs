using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// Backward over rows with a weight for each element. Blocks of rows, fixed by the shape, gather parameter gradients of their
/// own, which are added in order; a block is walked in tiles of rows that stay in the cache from the sums to the input gradient.
/// </summary>
internal readonly unsafe struct RowBackward<T, V, W> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private const nint BlockElements = 1 << 16;
    private const nint MostBlocks = 32;
    private const nint TileElements = 1 << 14;

    private readonly GroupLayout _layout;
    private readonly Operands<T> _operands;
    private readonly double* _partials;
    private readonly GradientAffine* _gradients;
    private readonly nint _rowsPerBlock;
    private readonly bool _isStreamed;

    private RowBackward(in GroupLayout layout, in Operands<T> operands, nint rowsPerBlock, double* partials, GradientAffine* gradients, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _rowsPerBlock = rowsPerBlock;
        _partials = partials;
        _gradients = gradients;
        _isStreamed = isStreamed;
    }

    private nint Width => _layout.Unit.Length;

    private nint Parameters => _layout.Channels * Width;

    private nint PaddedParameters => Padded(Parameters);

    /// <summary>Accumulators are read and written in whole vectors of up to 8, from the start of any row of a period on.</summary>
    private static nint Padded(nint parameters) => (parameters + 14) & ~7;

    public static void Run(in GroupLayout layout, in Operands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        bool isStreamed = Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T));
        nint period = layout.Channels;
        if (layout.Unit.Length * period > TileElements)
        {
            LongRowBackward<T, V, W>.Run(layout, operands, degree, isStreamed);
            return;
        }
        nint least = Math.Max(BlockElements / layout.Unit.Length, (layout.Groups + MostBlocks - 1) / MostBlocks);
        nint rowsPerBlock = (least + period - 1) / period * period;
        nint blocks = (layout.Groups + rowsPerBlock - 1) / rowsPerBlock;
        nint padded = Padded(layout.Unit.Length * period);
        using var scratch = new Scratch<double>(blocks * 2 * padded);
        using var gradientScratch = new Scratch<GradientAffine>(layout.Groups);
        fixed (double* partials = scratch.Span)
        fixed (GradientAffine* gradients = gradientScratch.Span)
        {
            var job = new RowBackward<T, V, W>(layout, operands, rowsPerBlock, partials, gradients, isStreamed);
            Partition.For(job, blocks, degree);
            Span<double> total = scratch.Span[..(int)(2 * padded)];
            for (nint block = 1; block < blocks; block++)
                TensorPrimitives.Add(total, scratch.Span.Slice((int)(block * 2 * padded), total.Length), total);
            LongRowBackward<T, V, W>.Accumulate(operands.BiasGradient, 0, partials, job.Parameters);
            LongRowBackward<T, V, W>.Accumulate(operands.WeightGradient, 0, partials + padded, job.Parameters);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(nint start, nint end)
    {
        nint period = _layout.Channels;
        nint rowsPerTile = Math.Max(1, TileElements / Parameters) * period;
        for (nint block = start; block < end; block++)
        {
            double* sums = _partials + (2 * block * PaddedParameters);
            new Span<double>(sums, (int)(2 * PaddedParameters)).Clear();
            nint last = Math.Min((block + 1) * _rowsPerBlock, _layout.Groups);
            for (nint row = block * _rowsPerBlock; row < last; row += rowsPerTile)
                RunTile(row, Math.Min(rowsPerTile, last - row), sums, sums + PaddedParameters);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunTile(nint first, nint rows, double* sums, double* products)
    {
        Sums* rowSums = stackalloc Sums[RowGradientReduction.RowsAtOnce];
        nint last = first + rows;
        for (nint row = first, count; row < last; row += count)
        {
            // Rows that share their weights go together.
            bool isFour = _layout.Channels == 1 && row + RowGradientReduction.RowsAtOnce <= last;
            count = isFour ? RowGradientReduction.RowsAtOnce : 1;
            T* x = _operands.Input + (row * Width), dy = _operands.OutputGradient + (row * Width);
            nint weight = row % _layout.Channels * Width;
            GroupStatistics* statistics = _operands.Statistics + row;
            if (isFour)
                RowGradientReduction.Run<T, W, On>(x, dy, _operands.Weight, Width, statistics, rowSums, sums, products);
            else
                RowGradientReduction.Run<T, W, Off>(x, dy, _operands.Weight + weight, Width, statistics, rowSums, sums + weight, products + weight);
            for (nint i = 0; i < count; i++)
                _gradients[row + i] = LongRowBackward<T, V, W>.Coefficients(_layout, _operands, row + i, rowSums[i], statistics[i].Residue);
        }
        for (nint row = first; row < last; row++)
            LongRowBackward<T, V, W>.Write(_operands, _gradients[row], row * Width, row % _layout.Channels * Width, Width, _isStreamed);
    }
}
