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
    // Room for the widest tile, whose last vector may be read and written as a whole; runs of a channel are shorter than it.
    private const int Room = Thresholds.TileColumns + ColumnCoefficients.Padding;

    // A column adds up this many rows before it starts anew: the fewer, the less rounding.
    private const nint RowsInARow = 256;

    private readonly ColumnLayout _layout;
    private readonly Operands<T> _operands;
    private readonly Sums* _sums;
    private readonly ColumnCoefficients _coefficients;
    private readonly bool _isStreamed;
    private readonly nint _rowsAhead;
    private readonly nint _ahead;

    private ColumnKernel(in ColumnLayout layout, in Operands<T> operands, Sums* sums, in ColumnCoefficients coefficients)
    {
        long bytes = (long)layout.Rows * layout.Columns * sizeof(T);
        nint tile = layout.Tile(0).Columns;
        _layout = layout;
        _operands = operands;
        _sums = sums;
        _coefficients = coefficients;
        _isStreamed = Thresholds.IsStreamed(TPass.Streams * bytes, tile * sizeof(T));
        _rowsAhead = Thresholds.Ahead(bytes, ColumnReduction.RowsAtOnce * layout.Columns);
        _ahead = Thresholds.Ahead(bytes, tile);
    }

    private bool WritesOutput => (TPass.IsBackward ? _operands.InputGradient : _operands.Output) != null;

    public static void Run(in ColumnLayout layout, in Operands<T> operands)
    {
        int degree = Partition.DegreeFor((long)layout.Rows * layout.Columns * sizeof(T));
        using var scratch = new Scratch<Sums>(layout.Blocks * layout.Channels);
        using var coefficients = new Scratch<double>(ColumnCoefficients.Size(layout.Channels));
        fixed (Sums* pooled = scratch.Span)
        fixed (double* memory = coefficients.Span)
        {
            var job = new ColumnKernel<T, V, W, TPass>(
                layout, operands, operands.HasGivenSums ? operands.ChannelSums : pooled, new(memory, layout.Channels));
            if (degree == 1 || layout.Tiles >= degree * Thresholds.ChunksPerThread)
            {
                Partition.For(job, layout.Tiles, degree);
                return;
            }
            if (TPass.NeedsSums(operands))
                Partition.For(new TileBlockSums(job), layout.Tiles * layout.Blocks, degree);
            Partition.For(new Channels(job), layout.Channels, degree);
            if (job.WritesOutput)
                Partition.For(new TileBlocks(job), layout.Tiles * layout.Blocks, degree);
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
            Finish(tile.FirstChannel, tile.FirstChannel + tile.Channels);
            if (WritesOutput)
                Apply(tile, 0, _layout.Rows);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of a tile's channels over one block of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void BlockSums(in ColumnTile tile, nint block)
    {
        double* channelPivots = stackalloc double[4 * Room];
        double* pivots = channelPivots + Room, sums = pivots + Room, products = sums + Room;
        for (nint channel = 0; channel < tile.Channels; channel++)
            channelPivots[channel] = Element.ToDouble(TPass.Pivot(_operands, tile.FirstChannel + channel, _layout.Fold));
        Expand<W>(channelPivots, tile.Channels, pivots);
        Sums* channelSums = _sums + (block * _layout.Channels) + tile.FirstChannel;
        new Span<Sums>(channelSums, (int)tile.Channels).Clear();
        (nint first, nint rows) = _layout.Block(block);
        for (nint row = 0; row < rows; row += RowsInARow)
        {
            new Span<double>(sums, 2 * Room).Clear();
            nint offset = ((first + row) * _layout.Columns) + tile.FirstColumn, count = Math.Min(RowsInARow, rows - row);
            if (TPass.IsBackward)
            {
                ColumnReduction.Run<T, W, GradientRow<T, W>, W>(
                    new(_operands.Input + offset, _operands.OutputGradient + offset, _layout.Columns, pivots), count, tile.Columns, _rowsAhead, sums, products);
            }
            else
            {
                ColumnReduction.Run<T, W, MomentRow<T, W>, W>(
                    new(_operands.Input + offset, _layout.Columns, pivots), count, tile.Columns, _rowsAhead, sums, products);
            }
            for (nint channel = 0; channel < tile.Channels; channel++)
            {
                nint column = channel * _layout.Fold;
                channelSums[channel].Add(new() { Sum = Total(sums + column, _layout.Fold), Product = Total(products + column, _layout.Fold) });
            }
        }
    }

    /// <summary>Four chains of additions, none of which waits for another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Total(double* terms, nint count)
    {
        double first = terms[0], second = 0, third = 0, fourth = 0;
        nint i = 1;
        for (; i + 4 <= count; i += 4)
        {
            first += terms[i];
            second += terms[i + 1];
            third += terms[i + 2];
            fourth += terms[i + 3];
        }
        for (; i < count; i++)
            first += terms[i];
        return first + third + (second + fourth);
    }

    /// <summary>Adds the blocks of each channel, hands the totals to the pass, which keeps what it needs of them, and sets the coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(nint start, nint end)
    {
        if (TPass.NeedsSums(_operands))
        {
            for (nint channel = start; channel < end; channel++)
            {
                Sums total = default;
                for (nint block = 0; block < _layout.Blocks; block++)
                    total.Add(_sums[(block * _layout.Channels) + channel]);
                TPass.Finish<W>(_operands, _layout, channel, ref total);
                _sums[channel] = total;
            }
        }
        if (!WritesOutput)
            return;
        for (nint channel = start; channel < end; channel++)
            TPass.SetCoefficients(_operands, _layout, channel, _sums, _coefficients);
    }

    /// <summary>The elementwise pass; neighbours that need the same arithmetic go together, so that no channel changes another one's bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Apply(in ColumnTile tile, nint firstRow, nint rows)
    {
        nint end = tile.FirstChannel + tile.Channels;
        for (nint channel = tile.FirstChannel, next; channel < end; channel = next)
        {
            bool isNarrow = _coefficients.IsNarrow[channel];
            for (next = channel + 1; next < end && _coefficients.IsNarrow[next] == isNarrow; next++)
            {
            }
            ColumnTile part = _layout.Part(channel, next - channel);
            if (isNarrow)
                Apply<V>(part, firstRow, rows);
            else
                Apply<W>(part, firstRow, rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Apply<TVector>(in ColumnTile tile, nint firstRow, nint rows)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        double* pivot = stackalloc double[5 * Room];
        double* outer = pivot + Room, inner = outer + Room, shift = inner + Room, center = shift + Room;
        Expand<TVector>(_coefficients.Pivot + tile.FirstChannel, tile.Channels, pivot);
        Expand<TVector>(_coefficients.Inner + tile.FirstChannel, tile.Channels, inner);
        Expand<TVector>(_coefficients.Shift + tile.FirstChannel, tile.Channels, shift);
        if (TPass.IsBackward)
        {
            Expand<TVector>(_coefficients.Outer + tile.FirstChannel, tile.Channels, outer);
            Expand<TVector>(_coefficients.Center + tile.FirstChannel, tile.Channels, center);
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

    /// <summary>Repeats each channel's number for each of its columns; the vector that ends past them is written over by the next channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Expand<TVector>(double* numbers, nint channels, void* columns) where TVector : unmanaged, ISimd<TVector, T>
    {
        if (_layout.Fold == 1)
        {
            for (nint channel = 0; channel < channels; channel += TVector.Count)
                TVector.StoreCoefficients(columns, channel, TVector.FromDoubles(numbers + channel));
            return;
        }
        for (nint channel = 0; channel < channels; channel++)
        {
            TVector vector = TVector.Broadcast(numbers[channel]);
            for (nint i = channel * _layout.Fold; i < (channel + 1) * _layout.Fold; i += TVector.Count)
                TVector.StoreCoefficients(columns, i, vector);
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

    private readonly struct Channels(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        public void Run(nint start, nint end) => _kernel.Finish(start, end);
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

/// <summary>The coefficients of <see cref="GradientAffine"/>, an array of each; forward has no outer and no centre.</summary>
internal readonly unsafe struct ColumnCoefficients(double* memory, nint channels)
{
    // The last vector may be read as a whole.
    public const int Padding = 16;

    private const int Arrays = 6;

    public readonly double* Pivot = memory;
    public readonly double* Inner = memory + channels;
    public readonly double* Shift = memory + (2 * channels);
    public readonly double* Outer = memory + (3 * channels);
    public readonly double* Center = memory + (4 * channels);
    public readonly bool* IsNarrow = (bool*)(memory + (5 * channels));

    /// <summary>How much memory they take.</summary>
    public static nint Size(nint channels) => (Arrays * channels) + Padding;
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

    static abstract void SetCoefficients(
        in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums, in ColumnCoefficients coefficients);
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
    public static void SetCoefficients(
        in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums, in ColumnCoefficients coefficients)
    {
        Affine affine = Affine.Create<T>(operands.Statistics[channel], operands.WeightOf(channel), operands.BiasOf(channel));
        coefficients.Pivot[channel] = affine.Pivot;
        coefficients.Inner[channel] = affine.Scale;
        coefficients.Shift[channel] = affine.Shift;
        coefficients.IsNarrow[channel] = affine.IsNarrow;
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
    public static void SetCoefficients(
        in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums, in ColumnCoefficients coefficients)
    {
        GradientAffine affine = Coefficients(operands, layout, channel, sums);
        coefficients.Pivot[channel] = affine.Pivot;
        coefficients.Inner[channel] = affine.Inner;
        coefficients.Shift[channel] = affine.Shift;
        coefficients.Outer[channel] = affine.Outer;
        coefficients.Center[channel] = affine.Center;
        coefficients.IsNarrow[channel] = affine.IsNarrow;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static GradientAffine Coefficients(in Operands<T> operands, in ColumnLayout layout, nint channel, Sums* sums)
    {
        double weight = operands.WeightOf(channel);
        ref readonly GroupStatistics statistics = ref operands.Statistics[channel];
        if (operands.HasFixedStatistics)
            return GradientAffine.Scaling<T>(statistics.ReciprocalDeviation * weight);
        var weighted = new Sums { Sum = weight * sums[channel].Sum, Product = weight * sums[channel].Product };
        return Projection.Create<T>(statistics, weighted, operands.CountOf(layout.Channel.Elements), isCentered: true).Weighted<T>(weight);
    }
}
