using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// Forward and backward down the columns: sums of a tile of channels, then its elementwise pass. Where there are few tiles, both
/// phases are spread over tiles and blocks of rows.
/// </summary>
internal readonly unsafe struct ColumnKernel<T, V, W, TPass> : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TPass : struct, IColumnPass<T>
{
    // Room for the widest tile: runs of a channel are shorter than it.
    private const int MostColumns = Thresholds.TileColumns;

    // A column adds up this many rows before it starts anew: the fewer, the less rounding.
    private const nint RowsInARow = 256;

    // The last vector of coefficients may be read as a whole.
    private const int Padding = 16;

    private readonly ColumnLayout _layout;
    private readonly Operands<T> _operands;
    private readonly Sums* _sums;
    private readonly bool _isStreamed;
    private readonly nint _ahead;

    private ColumnKernel(in ColumnLayout layout, in Operands<T> operands, Sums* sums, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _sums = sums;
        _isStreamed = isStreamed;
        _ahead = Thresholds.Ahead((long)layout.Rows * layout.Columns * sizeof(T), layout.Tile(0).Columns);
    }

    public static void Run(in ColumnLayout layout, in Operands<T> operands)
    {
        long bytes = (long)layout.Rows * layout.Columns * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        using var scratch = new Scratch<Sums>(layout.Blocks * layout.Channels);
        fixed (Sums* pooled = scratch.Span)
        {
            Sums* sums = operands.HasGivenSums ? operands.ChannelSums : pooled;
            var job = new ColumnKernel<T, V, W, TPass>(layout, operands, sums, Thresholds.IsStreamed(TPass.Streams * bytes, layout.Tile(0).Columns * sizeof(T)));
            if (degree == 1 || layout.Tiles >= degree * Thresholds.ChunksPerThread)
            {
                Partition.For(job, layout.Tiles, degree);
            }
            else
            {
                if (TPass.NeedsSums(operands))
                    Partition.For(new TileBlockSums(job), layout.Tiles * layout.Blocks, degree);
                for (nint tile = 0; tile < layout.Tiles; tile++)
                    job.Finish(layout.Tile(tile));
                Partition.For(new TileBlocks(job), layout.Tiles * layout.Blocks, degree);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(nint start, nint end)
    {
        for (nint i = start; i < end; i++)
        {
            ColumnTile tile = _layout.Tile(i);
            if (TPass.NeedsSums(_operands))
            {
                for (nint block = 0; block < _layout.Blocks; block++)
                    BlockSums(tile, block);
            }
            Finish(tile);
            Apply(tile, 0, _layout.Rows);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of a tile's channels over one block of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void BlockSums(in ColumnTile tile, nint block)
    {
        double* sums = stackalloc double[2 * MostColumns];
        double* products = sums + MostColumns;
        T* pivots = stackalloc T[MostColumns];
        for (nint channel = 0; channel < tile.Channels; channel++)
        {
            T value = TPass.Pivot(_operands, tile.FirstChannel + channel, _layout.Fold);
            for (nint j = channel * _layout.Fold; j < (channel + 1) * _layout.Fold; j++)
                pivots[j] = value;
        }
        Sums* channelSums = _sums + (block * _layout.Channels) + tile.FirstChannel;
        new Span<Sums>(channelSums, (int)tile.Channels).Clear();
        (nint first, nint rows) = _layout.Block(block);
        for (nint row = 0; row < rows; row += RowsInARow)
        {
            new Span<double>(sums, 2 * MostColumns).Clear();
            nint offset = ((first + row) * _layout.Columns) + tile.FirstColumn, count = Math.Min(RowsInARow, rows - row);
            if (TPass.IsBackward)
            {
                ColumnReduction.Run<T, W, GradientRow<T, W>>(
                    new(_operands.Input + offset, _operands.OutputGradient + offset, _layout.Columns, pivots), count, tile.Columns, sums, products);
            }
            else
            {
                ColumnReduction.Run<T, W, MomentRow<T, W>>(
                    new(_operands.Input + offset, _layout.Columns, pivots), count, tile.Columns, sums, products);
            }
            for (nint channel = 0; channel < tile.Channels; channel++)
            {
                Sums total = default;
                for (nint j = channel * _layout.Fold; j < (channel + 1) * _layout.Fold; j++)
                    total.Add(new() { Sum = sums[j], Product = products[j] });
                channelSums[channel].Add(total);
            }
        }
    }

    /// <summary>Adds the blocks of each channel and hands the totals to the pass, which keeps what it needs of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(in ColumnTile tile)
    {
        if (!TPass.NeedsSums(_operands))
            return;
        for (nint channel = tile.FirstChannel; channel < tile.FirstChannel + tile.Channels; channel++)
        {
            Sums total = default;
            for (nint block = 0; block < _layout.Blocks; block++)
                total.Add(_sums[(block * _layout.Channels) + channel]);
            TPass.Finish<W>(_operands, _layout, channel, ref total);
            _sums[channel] = total;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Apply(in ColumnTile tile, nint firstRow, nint rows)
    {
        if ((TPass.IsBackward ? _operands.InputGradient : _operands.Output) == null)
            return;
        GradientAffine* affines = stackalloc GradientAffine[(int)tile.Channels];
        for (nint channel = 0; channel < tile.Channels; channel++)
            affines[channel] = TPass.Coefficients(_operands, _layout, tile.FirstChannel + channel, _sums);
        // Neighbours that need the same arithmetic go together, so that no channel changes another one's bits.
        for (nint channel = 0, next; channel < tile.Channels; channel = next)
        {
            bool isNarrow = affines[channel].IsNarrow;
            for (next = channel + 1; next < tile.Channels && affines[next].IsNarrow == isNarrow; next++)
            {
            }
            ColumnTile part = _layout.Part(tile.FirstChannel + channel, next - channel);
            if (isNarrow)
                Apply<V>(part, affines + channel, firstRow, rows);
            else
                Apply<W>(part, affines + channel, firstRow, rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Apply<TVector>(in ColumnTile tile, GradientAffine* affines, nint firstRow, nint rows)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        double* pivot = stackalloc double[(5 * MostColumns) + Padding];
        double* outer = pivot + MostColumns, inner = outer + MostColumns, shift = inner + MostColumns;
        double* center = shift + MostColumns;
        for (nint channel = 0; channel < tile.Channels; channel++)
        {
            nint column = channel * _layout.Fold;
            TVector.FillCoefficients(pivot, column, _layout.Fold, affines[channel].Pivot);
            TVector.FillCoefficients(inner, column, _layout.Fold, affines[channel].Inner);
            TVector.FillCoefficients(shift, column, _layout.Fold, affines[channel].Shift);
            if (TPass.IsBackward)
            {
                TVector.FillCoefficients(outer, column, _layout.Fold, affines[channel].Outer);
                TVector.FillCoefficients(center, column, _layout.Fold, affines[channel].Center);
            }
        }
        nint offset = (firstRow * _layout.Columns) + tile.FirstColumn;
        if (!TPass.IsBackward)
        {
            Write<TVector, ColumnAffineMap<T, TVector>, ColumnAffine<TVector>>(
                new(_operands.Input + offset, _layout.Columns, pivot, inner, shift), _operands.Output + offset, tile.Columns, rows);
        }
        else if (_operands.HasFixedStatistics)
        {
            Write<TVector, ColumnAffineMap<T, TVector>, ColumnAffine<TVector>>(
                new(_operands.OutputGradient + offset, _layout.Columns, pivot, outer, shift), _operands.InputGradient + offset, tile.Columns, rows);
        }
        else
        {
            Write<TVector, ColumnGradientMap<T, TVector>, ColumnGradient<TVector>>(
                new(_operands.Input + offset, _operands.OutputGradient + offset, _layout.Columns, center, pivot, outer, inner, shift),
                _operands.InputGradient + offset,
                tile.Columns,
                rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<TVector, TMap, TColumn>(in TMap map, T* y, nint columns, nint rows)
        where TVector : unmanaged, ISimd<TVector, T>
        where TMap : struct, IColumnMap<TMap, TVector, TColumn>
        where TColumn : struct
    {
        for (nint row = 0; row < rows; row++)
            Map.Run<T, TVector, TMap, TColumn>(map.Down(row), new(y + (row * _layout.Columns), columns, _isStreamed, _ahead));
    }

    private readonly struct TileBlockSums(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(nint start, nint end)
        {
            for (nint i = start; i < end; i++)
                _kernel.BlockSums(_kernel._layout.Tile(i / _kernel._layout.Blocks), i % _kernel._layout.Blocks);
        }
    }

    private readonly struct TileBlocks(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(nint start, nint end)
        {
            for (nint i = start; i < end; i++)
            {
                (nint first, nint rows) = _kernel._layout.Block(i % _kernel._layout.Blocks);
                _kernel.Apply(_kernel._layout.Tile(i / _kernel._layout.Blocks), first, rows);
            }
            if (_kernel._isStreamed)
                Fence.Publish();
        }
    }
}

/// <summary>What forward and backward down the columns do differently.</summary>
internal unsafe interface IColumnPass<T> where T : unmanaged
{
    static abstract bool IsBackward { get; }

    /// <summary>How many tensors the pass reads and writes.</summary>
    static abstract int Streams { get; }

    static abstract bool NeedsSums(in Operands<T> operands);

    /// <summary>What the sums of a channel are taken about.</summary>
    static abstract T Pivot(in Operands<T> operands, nint channel, nint fold);

    static abstract void Finish<W>(in Operands<T> operands, in ColumnLayout layout, nint channel, ref Sums total)
        where W : unmanaged, IWideSimd<W, T>;

    /// <summary>(dy - center) · outer + (x - pivot) · inner + shift; forward has no outer.</summary>
    static abstract GradientAffine Coefficients(in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums);
}

internal readonly unsafe struct ColumnForward<T> : IColumnPass<T> where T : unmanaged
{
    public static bool IsBackward => false;

    public static int Streams => 2;

    public static bool NeedsSums(in Operands<T> operands) => !operands.HasFixedStatistics;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pivot(in Operands<T> operands, nint channel, nint fold) => operands.Input[channel * fold];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<W>(in Operands<T> operands, in ColumnLayout layout, nint channel, ref Sums total)
        where W : unmanaged, IWideSimd<W, T>
    {
        T* x = operands.Input + (channel * layout.Fold);
        operands.Statistics[channel] =
            Moments<T, W>.Finish(x, layout.Channel, total, Moments<T, W>.Pivot(x, isCentered: true), isCentered: true, operands.Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine Coefficients(in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums)
    {
        double weight = operands.Weight == null ? 1 : Element.ToDouble(operands.Weight[channel]);
        double bias = operands.Bias == null ? 0 : Element.ToDouble(operands.Bias[channel]);
        return Affine.Create<T>(operands.Statistics[channel], weight, bias).WithoutGradient();
    }
}

internal readonly unsafe struct ColumnBackward<T> : IColumnPass<T> where T : unmanaged
{
    public static bool IsBackward => true;

    public static int Streams => 3;

    public static bool NeedsSums(in Operands<T> operands) => !operands.HasGivenSums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pivot(in Operands<T> operands, nint channel, nint fold) => Element.FromDouble<T>(operands.Statistics[channel].Mean);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<W>(in Operands<T> operands, in ColumnLayout layout, nint channel, ref Sums total)
        where W : unmanaged, IWideSimd<W, T>
    {
        ref readonly GroupStatistics statistics = ref operands.Statistics[channel];
        total.Product -= GradientAffine.Low<T>(statistics) * total.Sum;
        operands.AddParameterGradients(channel, statistics.ReciprocalDeviation * total.Product, total.Sum);
        if (operands.ChannelSums != null)
            operands.ChannelSums[channel] = total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine Coefficients(in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums)
    {
        double weight = operands.Weight == null ? 1 : Element.ToDouble(operands.Weight[channel]);
        ref readonly GroupStatistics statistics = ref operands.Statistics[channel];
        if (operands.HasFixedStatistics)
            return GradientAffine.Scaling<T>(statistics.ReciprocalDeviation * weight);
        var weighted = new Sums { Sum = weight * sums[channel].Sum, Product = weight * sums[channel].Product };
        double count = operands.HasGivenSums ? operands.ChannelElements : layout.Channel.Elements;
        return GradientAffine.Create<T>(statistics, weighted, count, weight, isCentered: true);
    }
}
