using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Forward down the columns of one sample, where neighboring channels share statistics.</summary>
internal readonly unsafe struct ColumnGroupForward<T, TSource, TEpilogue>(
    ColumnForward<T, TSource, TEpilogue> channels, ForwardOperands<T> operands, TSource source, nint channelsPerGroup)
    : IColumnPass<ColumnGroupForward<T, TSource, TEpilogue>, T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ColumnForward<T, TSource, TEpilogue> _channels = channels;
    private readonly ForwardOperands<T> _operands = operands;
    private readonly TSource _source = source;
    private readonly nint _channelsPerGroup = channelsPerGroup;

    public static bool HasGroups => true;

    public static int Streams => 2;

    public bool NeedsSums => _channels.NeedsSums;

    public bool WritesOutput => _channels.WritesOutput;

    public ColumnGroupForward<T, TSource, TEpilogue> OfSample(in ColumnLayout layout, nint sample)
    {
        nint offset = sample * layout.Rows * layout.Columns;
        return new(
            _channels.OfSample(layout, sample), _operands.At(offset, sample * layout.Groups), _source.At(offset), _channelsPerGroup);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        nint channel = 0;
        for (nint group = tile.FirstChannel / _channelsPerGroup; channel < tile.Channels; group++)
        {
            double pivot = PivotOf(layout, group);
            for (nint end = Math.Min(((group + 1) * _channelsPerGroup) - tile.FirstChannel, tile.Channels); channel < end; channel++)
                pivots[channel] = pivot;
        }
    }

    public bool IsNarrow(in ColumnLayout layout) => _channels.IsNarrow(layout);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products)
        where V : unmanaged, ISimd<V, T> =>
        _channels.AddRows<V>(rows, terms, sums, products);

    // A channel says nothing: the statistics are those of its group.
    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes> => true;

    // The sums of a channel wait in the places of coefficients that only backward has.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes.Store(coefficients.Outer + channel, sum);
        TLanes.Store(coefficients.Center + channel, product);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FinishGroups<W>(
        in ColumnGroupForward<T, TSource, TEpilogue> pass, in ColumnLayout layout, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
    {
        nint perGroup = pass._channelsPerGroup;
        SliceSet set = layout.Group;
        for (nint group = 0; group < layout.Groups; group++)
        {
            nint first = group * perGroup;
            if (pass.NeedsSums)
            {
                Sums sums = new()
                {
                    Sum = Total<W>(coefficients.Outer + first, perGroup),
                    Product = Total<W>(coefficients.Center + first, perGroup),
                };
                TSource source = pass._source.At(first);
                sums.Pivot = pass.PivotOf(layout, group);
                pass._operands.Statistics[group] =
                    Moments<T, W, W, TSource>.Finish(source, set, sums, isCentered: true, pass.IsNarrow(layout), pass._operands.Epsilon);
            }
            if (!pass.WritesOutput)
                continue;
            GroupStatistics statistics = pass._operands.Statistics[group];
            for (nint channel = first; channel < first + perGroup; channel++)
            {
                var affine = Affine.Create<T>(statistics, pass._operands.WeightOf<One>(channel), pass._operands.BiasOf<One>(channel));
                bool isHard = typeof(T) == typeof(double) || !double.IsFinite(affine.Scale);
                coefficients.Set(channel, affine, affine.IsNarrow ? Arithmetic.Narrow : isHard ? Arithmetic.Hard : Arithmetic.Wide);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T> =>
        _channels.Write<V>(rows, columns);

    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T> =>
        _channels.WriteHard<W>(rows, channel, _operands.Statistics[channel / _channelsPerGroup]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double PivotOf(in ColumnLayout layout, nint group) =>
        InputPivot.Of<T, TSource, One>(_source.At(group * _channelsPerGroup), 0, layout.Group);

    /// <summary>The sums of the channels of a group. For doubles, what the additions round off is added too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Total<W>(double* channels, nint count) where W : unmanaged, IWideSimd<W, T>
    {
        if (typeof(T) == typeof(float))
            return ColumnReduction.Total<T, W>(channels, count);
        CompensatedSum total = default;
        for (nint i = 0; i < count; i++)
            total.Add(channels[i]);
        return total.Value;
    }
}
