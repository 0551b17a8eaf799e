using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward and backward down the columns: first the sums of a tile of channels, then its elementwise pass. Where there are few tiles,
/// the threads share tiles and blocks of rows in both phases.
/// </summary>
internal readonly unsafe partial struct ColumnKernel<T, V, W, TPass> : IWorkerJob, ILaneJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TPass : struct, IColumnPass<TPass, T>
{
    // The longest row of a tile, whose last vector may be read and written as a whole. The columns of one channel are fewer.
    private const int Room = Thresholds.TileColumns + ColumnCoefficients.Padding;

    private readonly ColumnLayout _layout;
    private readonly TPass _pass;
    private readonly double* _sums;
    private readonly ColumnCoefficients _coefficients;
    private readonly WorkerScratch _rooms;
    private readonly bool _isStreamed;
    private readonly nint _rowsAhead;
    private readonly nint _ahead;
    private readonly bool _areFour;
    private readonly bool _isNarrow;

    private ColumnKernel(in Route route, in TPass pass, double* sums, in ColumnCoefficients coefficients, double* rooms)
    {
        _layout = route.Columns;
        _pass = pass;
        _sums = sums;
        _coefficients = coefficients;
        _areFour = route.RowsAtOnce == Thresholds.RowsAtOnce;
        _isNarrow = typeof(V) != typeof(W) && pass.IsNarrow(_layout);
        long bytes = (long)_layout.Samples * _layout.Rows * _layout.Columns * sizeof(T);
        nint tile = _layout.Tile(0).Columns * Math.Min(_layout.Rows, _layout.RowsWrittenAsOne);
        _rooms = new(rooms, ColumnCoefficients.Repeated * ColumnCoefficients.RoomFor(tile));
        _isStreamed = Thresholds.IsStreamed(TPass.Streams * bytes, tile * sizeof(T));
        _rowsAhead = Thresholds.Ahead(bytes, Thresholds.RowsAddedAtOnce * _layout.RowsAddedAsOne * _layout.Columns);
        _ahead = Thresholds.Ahead(bytes, tile > Thresholds.TileColumns ? Thresholds.FixedTileAhead : tile);
    }

    public static void Run(in Route route, in TPass pass)
    {
        ColumnLayout layout = route.Columns;
        int degree = Partition.DegreeFor((long)layout.Rows * layout.Columns * sizeof(T));
        nint sums = SumsOf(layout, pass);
        nint room = ColumnCoefficients.RoomFor(layout.Tile(0).Columns);
        nint coefficients = ColumnCoefficients.Size(layout.Channels);
        nint rooms = room <= Room ? 0 : Math.Min(degree, layout.Tiles * layout.Blocks.Count);
        using var scratch = new Scratch<double>(sums + coefficients + WorkerScratch.Size(rooms, ColumnCoefficients.Repeated * room));
        fixed (double* memory = scratch.Span)
        {
            var job = new ColumnKernel<T, V, W, TPass>(
                route, pass, memory, new(memory + sums, layout.Channels), memory + sums + coefficients);
            if (degree == 1 || (layout.Tiles >= degree * Thresholds.ChunksPerThread && !TPass.HasGroups))
            {
                Partition.ForWorkers(job, layout.Tiles, degree);
                return;
            }
            if (pass.NeedsSums)
                Partition.For(new TileBlockSums(job), layout.Tiles * layout.Blocks.Count, degree);
            Partition.For(new Channels(job), layout.Channels, Partition.DegreeFor((sums + coefficients) * sizeof(double)));
            TPass.FinishGroups<W>(pass, layout, job._coefficients);
            if (pass.WritesOutput)
                Partition.ForWorkers(new TileBlocks(job), layout.Tiles * layout.Blocks.Count, degree);
        }
    }

    /// <summary>How many doubles one sample takes, whose tiles need no room of their own.</summary>
    public static nint SampleSize(in ColumnLayout layout, in TPass pass) => SumsOf(layout, pass) + ColumnCoefficients.Size(layout.Channels);

    /// <summary>All of one sample, in memory of <see cref="SampleSize"/>.</summary>
    public static void RunSample(in Route route, in TPass pass, double* memory)
    {
        nint sums = SumsOf(route.Columns, pass);
        new ColumnKernel<T, V, W, TPass>(route, pass, memory, new(memory + sums, route.Columns.Channels), null)
            .Run(0, route.Columns.Tiles, worker: 0);
    }

    private static nint SumsOf(in ColumnLayout layout, in TPass pass) =>
        pass.NeedsSums ? SumArrays * layout.Blocks.Count * layout.Channels : 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
    {
        for (nint i = start; i < end; i++)
        {
            ColumnTile tile = _layout.Tile(i);
            for (nint block = 0; block < _layout.Blocks.Count && _pass.NeedsSums; block++)
                BlockSums(tile, block);
            Finish(tile.FirstChannel, tile.FirstChannel + tile.Channels);
            if (_pass.WritesOutput && !TPass.HasGroups)
                Apply(tile, 0, _layout.Rows, worker);
        }
        TPass.FinishGroups<W>(_pass, _layout, _coefficients);
        for (nint i = start; i < end && TPass.HasGroups && _pass.WritesOutput; i++)
            Apply(_layout.Tile(i), 0, _layout.Rows, worker);
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>Neighboring rows of a tile. A number of them, <paramref name="together"/>, counts as one row.</summary>
    private ColumnRows RowsAsOne(in ColumnTile tile, nint offset, nint rows, nint together) => new(
        offset, together * _layout.Columns, rows / together, together * tile.Columns, AreFour: false, IsStreamed: false, Ahead: 0);

    /// <summary>The rows behind these, which are too few for one more.</summary>
    private static ColumnRows Rest(in ColumnRows rows, in ColumnTile tile, nint count) =>
        rows with { Offset = rows.Offset + (rows.Rows * rows.Stride), Rows = 1, Columns = count * tile.Columns };

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply(in ColumnTile tile, nint firstRow, nint rows, int worker) =>
        ElementProgram.Run<T, V, W, TileProgram>(new(in this, tile.FirstChannel, firstRow, rows, worker), tile.Channels);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply<TVector>(in ColumnTile tile, nint firstRow, nint rows, int worker)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        nint room = ColumnCoefficients.RoomFor(tile.Columns);
        if (room > Room)
        {
            Apply<TVector>(tile, firstRow, rows, new ColumnCoefficients(_rooms[worker], room));
            return;
        }
        double* stack = stackalloc double[(int)RawMemory.PaddedLength(ColumnCoefficients.Repeated * Room)];
        Apply<TVector>(tile, firstRow, rows, new ColumnCoefficients(RawMemory.AtLine(stack), Room));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Apply<TVector>(in ColumnTile tile, nint firstRow, nint rows, in ColumnCoefficients columns)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        // Some of the channels do not lie side by side in neighboring rows.
        bool areAll = tile.Channels == _layout.Channels;
        nint together = areAll ? Math.Min(rows, _layout.RowsWrittenAsOne) : 1;
        Expand<TVector>(_coefficients.Pivot + tile.FirstChannel, tile.Channels, together, columns.Pivot);
        Expand<TVector>(_coefficients.Inner + tile.FirstChannel, tile.Channels, together, columns.Inner);
        Expand<TVector>(_coefficients.Shift + tile.FirstChannel, tile.Channels, together, columns.Shift);
        if (TPass.IsBackward)
        {
            Expand<TVector>(_coefficients.Outer + tile.FirstChannel, tile.Channels, together, columns.Outer);
            Expand<TVector>(_coefficients.Center + tile.FirstChannel, tile.Channels, together, columns.Center);
        }
        if (TPass.HasRelu)
        {
            Expand<TVector>(TPass.InputSigns(_pass) + tile.FirstChannel, tile.Channels, together, columns.Sign);
            Expand<TVector>(TPass.LeastInputs(_pass) + tile.FirstChannel, tile.Channels, together, columns.Least);
        }
        nint offset = (firstRow * _layout.Columns) + tile.FirstColumn;
        ColumnRows written = RowsAsOne(tile, offset, rows, together) with
        {
            AreFour = _areFour && together == 1,
            IsStreamed = _isStreamed && (areAll || _layout.RowsWrittenAsOne == 1),
            Ahead = _ahead,
        };
        _pass.Write<TVector>(written, columns);
        if (rows % together != 0)
            _pass.Write<TVector>(Rest(written, tile, rows % together), columns);
    }

    /// <summary>
    /// Repeats the number of each channel for each of its columns, and all of them for so many rows. A vector that ends past them is
    /// overwritten by the next channel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Expand<TVector>(double* numbers, nint channels, nint rows, void* columns) where TVector : unmanaged, ISimd<TVector, T>
    {
        if (_layout.ColumnsPerChannel == 1)
        {
            TVector first = TVector.FromDoubles(numbers);
            for (nint row = 0; row < rows; row++)
            {
                TVector.StoreCoefficients(columns, row * channels, first);
                for (nint channel = TVector.Count; channel < channels; channel += TVector.Count)
                    TVector.StoreCoefficients(columns, (row * channels) + channel, TVector.FromDoubles(numbers + channel));
            }
            return;
        }
        for (nint number = 0; number < rows * channels; number++)
        {
            TVector vector = TVector.Broadcast(numbers[number % channels]);
            for (nint i = number * _layout.ColumnsPerChannel; i < (number + 1) * _layout.ColumnsPerChannel; i += TVector.Count)
                TVector.StoreCoefficients(columns, i, vector);
        }
    }
}
