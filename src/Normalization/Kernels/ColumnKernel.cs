using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// Forward and backward down the columns: sums of a tile of channels, then its elementwise pass. Where there are few tiles, both
/// phases are spread over tiles and blocks of rows.
/// </summary>
internal readonly unsafe struct ColumnKernel<T, V, W, TPass> : IWorkerJob, ILaneJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TPass : struct, IColumnPass<T>
{
    // Room for the widest tile, whose last vector may be read and written as a whole; runs of a channel are shorter than it.
    private const int Room = Thresholds.TileColumns + ColumnCoefficients.Padding;

    // A column adds up this many rows before it starts anew: the fewer, the less rounding.
    private static nint RowsInARow => typeof(T) == typeof(float) ? 256 : 64;

    private readonly ColumnLayout _layout;
    private readonly Operands<T> _operands;
    private readonly double* _sums;
    private readonly ColumnCoefficients _coefficients;
    private readonly WorkerRooms _rooms;
    private readonly bool _isStreamed;
    private readonly nint _rowsAhead;
    private readonly nint _ahead;
    private readonly bool _writesFour;

    private ColumnKernel(in ColumnLayout layout, in Operands<T> operands, double* sums, in ColumnCoefficients coefficients, double* rooms)
    {
        long bytes = (long)layout.Rows * layout.Columns * sizeof(T);
        nint tile = layout.Tile(0).Columns;
        _layout = layout;
        _operands = operands;
        _sums = sums;
        _coefficients = coefficients;
        _rooms = new(rooms, ColumnCoefficients.Repeated * ColumnCoefficients.RoomFor(tile));
        _isStreamed = Thresholds.IsStreamed(TPass.Streams * bytes, tile * sizeof(T));
        _rowsAhead = Thresholds.Ahead(bytes, ColumnReduction.RowsAtOnce * layout.Columns);
        _writesFour = tile is < Thresholds.WideTile or > Thresholds.TileColumns;
        _ahead = Thresholds.Ahead(bytes, tile > Thresholds.TileColumns ? Thresholds.FixedTileAhead : tile);
    }

    private bool WritesOutput => (TPass.IsBackward ? _operands.InputGradient : _operands.Output) != null;

    public static void Run(in ColumnLayout layout, in Operands<T> operands)
    {
        int degree = Partition.DegreeFor((long)layout.Rows * layout.Columns * sizeof(T));
        nint sums = TPass.NeedsSums(operands) ? 2 * layout.Blocks * layout.Channels : 0, room = ColumnCoefficients.RoomFor(layout.Tile(0).Columns);
        nint coefficients = ColumnCoefficients.Size(layout.Channels), rooms = room <= Room ? 0 : Math.Min(degree, layout.Tiles * layout.Blocks);
        using var scratch = new Scratch<double>(sums + coefficients + WorkerRooms.Size(rooms, ColumnCoefficients.Repeated * room));
        fixed (double* memory = scratch.Span)
        {
            var job = new ColumnKernel<T, V, W, TPass>(
                layout, operands, memory, new(memory + sums, layout.Channels), memory + sums + coefficients);
            if (degree == 1 || layout.Tiles >= degree * Thresholds.ChunksPerThread)
            {
                Partition.ForWorkers(job, layout.Tiles, degree);
                return;
            }
            if (TPass.NeedsSums(operands))
                Partition.For(new TileBlockSums(job), layout.Tiles * layout.Blocks, degree);
            Partition.For(new Channels(job), layout.Channels, Partition.DegreeFor((sums + coefficients) * sizeof(double)));
            if (job.WritesOutput)
                Partition.ForWorkers(new TileBlocks(job), layout.Tiles * layout.Blocks, degree);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
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
                Apply(tile, 0, _layout.Rows, worker);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of a tile's channels over one block of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void BlockSums(in ColumnTile tile, nint block)
    {
        double* memory = stackalloc double[(int)Memory.LineRoom(7 * Room)], channelPivots = Memory.AtLine(memory);
        double* pivots = channelPivots + Room, sums = pivots + Room, products = sums + Room;
        double* outputPivots = products + Room, sumRests = outputPivots + Room, productRests = sumRests + Room;
        for (nint channel = 0; channel < tile.Channels; channel++)
            channelPivots[channel] = Element.ToDouble(TPass.Pivot(_operands, tile.FirstChannel + channel, _layout.Fold));
        Expand<W>(channelPivots, tile.Channels, pivots);
        for (nint channel = 0; channel < tile.Channels && TPass.IsBackward && typeof(T) == typeof(double); channel++)
            channelPivots[channel] = ColumnGradients.PivotOf(_operands, _layout, tile.FirstChannel + channel);
        if (TPass.IsBackward && typeof(T) == typeof(double))
            Expand<W>(channelPivots, tile.Channels, outputPivots);
        new Span<double>(sumRests, (int)tile.Channels).Clear();
        new Span<double>(productRests, (int)tile.Channels).Clear();
        double* channelSums = SumsOf(block) + tile.FirstChannel, channelProducts = ProductsOf(block) + tile.FirstChannel;
        new Span<double>(channelSums, (int)tile.Channels).Clear();
        new Span<double>(channelProducts, (int)tile.Channels).Clear();
        int columns = (int)tile.Columns + ColumnCoefficients.Padding;
        (nint first, nint rows) = _layout.Block(block);
        for (nint row = 0; row < rows; row += RowsInARow)
        {
            new Span<double>(sums, columns).Clear();
            new Span<double>(products, columns).Clear();
            nint offset = ((first + row) * _layout.Columns) + tile.FirstColumn, count = Math.Min(RowsInARow, rows - row);
            if (TPass.IsBackward)
            {
                ColumnReduction.Run<T, W, GradientRow<T, W>>(
                    new(_operands.Input + offset, _operands.OutputGradient + offset, _layout.Columns, pivots, outputPivots), count, tile.Columns, _rowsAhead, sums, products);
            }
            else
            {
                ColumnReduction.Run<T, W, MomentRow<T, W>>(
                    new(_operands.Input + offset, _layout.Columns, pivots), count, tile.Columns, _rowsAhead, sums, products);
            }
            ColumnReduction.AddTotals<T, W>(sums, _layout.Fold, channelSums, sumRests, tile.Channels);
            ColumnReduction.AddTotals<T, W>(products, _layout.Fold, channelProducts, productRests, tile.Channels);
        }
        if (typeof(T) == typeof(double))
        {
            ColumnReduction.AddRests(channelSums, sumRests, tile.Channels);
            ColumnReduction.AddRests(channelProducts, productRests, tile.Channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Finish(nint start, nint end) => Lanes.Run(this, start, end);

    /// <summary>Adds the blocks of each channel and hands the totals to the pass, which keeps what it needs of them and sets the coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool TryRun<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes sum = 0, product = 0;
        for (nint block = 0; block < _layout.Blocks && TPass.NeedsSums(_operands); block++)
        {
            sum += TLanes.Load(SumsOf(block) + channel);
            product += TLanes.Load(ProductsOf(block) + channel);
        }
        return TPass.TryFinish<W, TLanes>(_operands, _layout, channel, sum, product, _coefficients);
    }

    private double* SumsOf(nint block) => _sums + (2 * block * _layout.Channels);

    private double* ProductsOf(nint block) => SumsOf(block) + _layout.Channels;

    /// <summary>The elementwise pass; neighbours that need the same arithmetic go together, so that no channel changes another one's bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(in ColumnTile tile, nint firstRow, nint rows, int worker)
    {
        nint end = tile.FirstChannel + tile.Channels;
        for (nint channel = tile.FirstChannel, next; channel < end; channel = next)
        {
            Arithmetic arithmetic = _coefficients.Arithmetic[channel];
            for (next = channel + 1; next < end && arithmetic != Arithmetic.Hard && _coefficients.Arithmetic[next] == arithmetic; next++)
            {
            }
            ColumnTile part = _layout.Part(channel, next - channel);
            if (arithmetic == Arithmetic.Hard)
                ColumnHard.Apply<T, W, TPass>(_layout, _operands, _coefficients, channel, firstRow, rows);
            else if (arithmetic == Arithmetic.Narrow)
                Apply<V>(part, firstRow, rows, worker);
            else
                Apply<W>(part, firstRow, rows, worker);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply<TVector>(in ColumnTile tile, nint firstRow, nint rows, int worker)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        nint room = ColumnCoefficients.RoomFor(tile.Columns);
        if (room > Room)
        {
            Apply<TVector>(tile, firstRow, rows, _rooms[worker], room);
            return;
        }
        double* stack = stackalloc double[(int)Memory.LineRoom(ColumnCoefficients.Repeated * Room)];
        Apply<TVector>(tile, firstRow, rows, Memory.AtLine(stack), Room);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply<TVector>(in ColumnTile tile, nint firstRow, nint rows, double* pivot, nint room)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        double* outer = pivot + room, inner = outer + room, shift = inner + room, center = shift + room;
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
        nint row = 0;
        for (; _writesFour && row + Map.RowsAtOnce <= rows; row += Map.RowsAtOnce)
        {
            Map.RunFour<T, TVector, TMap, TColumn>(
                map.Down(row),
                map.Down(row + 1),
                map.Down(row + 2),
                map.Down(row + 3),
                new(y + (row * _layout.Columns), columns, _isStreamed, _ahead),
                _layout.Columns);
        }
        for (; row < rows; row++)
            Map.Run<T, TVector, TMap, TColumn>(map.Down(row), new(y + (row * _layout.Columns), columns, _isStreamed, _ahead));
    }

    private readonly struct TileBlockSums(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
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

    private readonly struct TileBlocks(ColumnKernel<T, V, W, TPass> kernel) : IWorkerJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end, int worker)
        {
            for (nint i = start; i < end; i++)
            {
                (nint first, nint rows) = _kernel._layout.Block(i % _kernel._layout.Blocks);
                _kernel.Apply(_kernel._layout.Tile(i / _kernel._layout.Blocks), first, rows, worker);
            }
            if (_kernel._isStreamed)
                Fence.Publish();
        }
    }
}
