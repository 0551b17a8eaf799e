using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>
/// The sums of the channels. Those of floats are first taken in float. Where float was not enough, they are taken again in double.
/// </content>
internal readonly unsafe partial struct ColumnKernel<T, V, W, TPass>
{
    // So many rows are added up in float before the sums go into doubles.
    private const nint RowsInFloat = 32;

    // Of each block: sums and products, and, where they are needed, the sums and squares of x.
    private static nint SumArrays
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TPass.HasInputSums || TPass.MayBeRefined ? 4 : 2;
    }

    // After this many rows the sum of a column starts again at zero. Fewer rows round off less.
    private static nint RowsInARow => typeof(T) == typeof(float) ? 256 : 64;

    private void BlockSums(in ColumnTile tile, nint block)
    {
        if (_isNarrow)
            BlockSums<V>(tile, block, 0, _layout.RowsAddedAsOne);
        else
            BlockSums<W>(tile, block, 0, _layout.RowsAddedAsOne);
        if (TPass.HasInputSums)
            BlockSums<W>(tile, block, 2, _layout.RowsAddedAsOne);
    }

    /// <summary>
    /// The sums of some channels over one block of rows, from that array of sums on. So many rows <paramref name="together"/> are added
    /// as one, which all channels of the layout allow.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void BlockSums<TVector>(in ColumnTile tile, nint block, nint array, nint together) where TVector : unmanaged, ISimd<TVector, T>
    {
        double* memory = stackalloc double[(int)RawMemory.PaddedLength(10 * Room)], channelPivots = RawMemory.AtLine(memory);
        double* pivots = channelPivots + Room, sums = pivots + Room, products = sums + Room;
        double* outputPivots = products + Room, sumRests = outputPivots + Room, productRests = sumRests + Room;
        double* signs = productRests + Room, least = signs + Room;
        bool isWide = typeof(TVector) == typeof(W);
        void* floatSums = isWide ? sums : least + Room, floatProducts = isWide ? products : (float*)(least + Room) + Room;
        ColumnTerms terms = new(pivots, outputPivots, signs, least);
        (nint first, nint rows) = _layout.Blocks[block];
        nint copies = Math.Min(rows, together), most = RowsInARow * together, inFloat = isWide ? most : RowsInFloat * together;
        _pass.FillPivots(_layout, tile, channelPivots);
        if (!TPass.IsBackward && block == 0)
            _coefficients.KeepInputPivots(tile.FirstChannel, new(channelPivots, (int)tile.Channels));
        Expand<TVector>(channelPivots, tile.Channels, copies, pivots);
        if (TPass.HasOutputPivots)
        {
            TPass.FillOutputPivots(_pass, _layout, tile, channelPivots);
            Expand<TVector>(channelPivots, tile.Channels, copies, outputPivots);
        }
        if (TPass.HasRelu)
        {
            Expand<TVector>(TPass.InputSigns(_pass) + tile.FirstChannel, tile.Channels, copies, signs);
            Expand<TVector>(TPass.LeastInputs(_pass) + tile.FirstChannel, tile.Channels, copies, least);
        }
        if (typeof(T) == typeof(double))
        {
            new Span<double>(sumRests, (int)tile.Channels).Clear();
            new Span<double>(productRests, (int)tile.Channels).Clear();
        }
        double* channelSums = SumsOf(block, array) + tile.FirstChannel, channelProducts = SumsOf(block, array + 1) + tile.FirstChannel;
        new Span<double>(channelSums, (int)tile.Channels).Clear();
        new Span<double>(channelProducts, (int)tile.Channels).Clear();
        int columns = (int)(copies * tile.Columns) + ColumnCoefficients.Padding;
        if (!isWide)
        {
            new Span<float>(floatSums, columns).Clear();
            new Span<float>(floatProducts, columns).Clear();
        }
        for (nint row = 0; row < rows; row += most)
        {
            if (isWide)
            {
                new Span<double>(sums, columns).Clear();
                new Span<double>(products, columns).Clear();
            }
            for (nint part = row, end = Math.Min(row + most, rows); part < end; part += inFloat)
            {
                nint offset = ((first + part) * _layout.Columns) + tile.FirstColumn, count = Math.Min(inFloat, end - part);
                ColumnRows added = RowsAsOne(tile, offset, count, together) with { AreFour = true, Ahead = _rowsAhead };
                AddRows<TVector>(array, added, terms, floatSums, floatProducts);
                if (count % together != 0)
                    AddRows<TVector>(array, Rest(added, tile, count % together), terms, floatSums, floatProducts);
                if (isWide)
                    continue;
                ColumnReduction.MoveFloats<T, TVector, W>(sums, floatSums, copies * tile.Columns, scale: 1, areFirst: part == row);
                ColumnReduction.MoveFloats<T, TVector, W>(products, floatProducts, copies * tile.Columns, scale: 1, areFirst: part == row);
            }
            for (nint copy = 0; copy < copies; copy++)
            {
                double* columnSums = sums + (copy * tile.Columns), columnProducts = products + (copy * tile.Columns);
                ColumnReduction.AddTotals<T, W>(columnSums, _layout.ColumnsPerChannel, channelSums, sumRests, tile.Channels);
                ColumnReduction.AddTotals<T, W>(
                    columnProducts, _layout.ColumnsPerChannel, channelProducts, productRests, tile.Channels);
            }
        }
        if (typeof(T) == typeof(double))
        {
            ColumnReduction.AddRests(channelSums, sumRests, tile.Channels);
            ColumnReduction.AddRests(channelProducts, productRests, tile.Channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddRows<TVector>(nint array, in ColumnRows rows, in ColumnTerms terms, void* sums, void* products)
        where TVector : unmanaged, ISimd<TVector, T>
    {
        if (array == 0)
            _pass.AddRows<TVector>(rows, terms, sums, products);
        else
            TPass.AddInputs<TVector>(_pass, rows, terms.Pivots, sums, products);
    }

    /// <summary>Takes the sums of channels again in double where sums in float were not enough. Neighbors are taken together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Mend(nint start, nint end)
    {
        for (nint channel = start; channel < end;)
        {
            if (channel + Four.Count <= end && HoldInFloats<Four>(channel))
            {
                channel += Four.Count;
                continue;
            }
            nint first = channel, most = Math.Min(end, first + _layout.ChannelsPerTile);
            while (channel < most && !HoldInFloats<One>(channel))
                channel++;
            if (channel > first)
                TakeInDouble(_layout.TileOf(first, channel - first));
            else
                channel++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool HoldInFloats<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes> =>
        _pass.HoldInFloats(_layout, channel, Total<TLanes>(SumsOf(0, 0) + channel), Total<TLanes>(SumsOf(0, 1) + channel));

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void TakeInDouble(in ColumnTile tile)
    {
        for (nint block = 0; block < _layout.Blocks.Count; block++)
        {
            BlockSums<W>(tile, block, 0, together: 1);
            if (TPass.MayBeRefined)
                BlockSums<W>(tile, block, 2, together: 1);
        }
        for (nint i = tile.FirstChannel; TPass.MayBeRefined && i < tile.FirstChannel + tile.Channels; i++)
            SumsOf(0, 1)[i] -= TPass.MoveOfMean(_pass, _layout, i, Total<One>(SumsOf(0, 2) + i)) * Total<One>(SumsOf(0, 0) + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Finish(nint start, nint end)
    {
        if (_isNarrow && _pass.NeedsSums)
            Mend(start, end);
        Lanes.Run(this, start, end);
    }

    /// <summary>
    /// Adds the blocks of each channel and gives the totals to the pass, which sets the coefficients.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool TryRun<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes sum = _pass.NeedsSums ? Total<TLanes>(SumsOf(0, 0) + channel) : 0;
        TLanes product = _pass.NeedsSums ? Total<TLanes>(SumsOf(0, 1) + channel) : 0;
        for (nint i = 0; i < TLanes.Count && TPass.HasInputSums; i++)
            TPass.KeepInput(_pass, channel + i, Total<One>(SumsOf(0, 2) + channel + i));
        return _pass.TryFinish<W, TLanes>(_layout, channel, sum, product, _coefficients);
    }

    /// <summary>The total of the blocks. For doubles, what the additions round off is added too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TLanes Total<TLanes>(double* first) where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes total = 0;
        CompensatedSum<TLanes> compensated = default;
        for (nint block = 0; block < _layout.Blocks.Count; block++, first += SumArrays * _layout.Channels)
        {
            if (typeof(T) == typeof(double))
                compensated.Add(TLanes.Load(first));
            else
                total += TLanes.Load(first);
        }
        return typeof(T) == typeof(double) ? compensated.Value : total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double* SumsOf(nint block, nint array) => _sums + (((SumArrays * block) + array) * _layout.Channels);
}
