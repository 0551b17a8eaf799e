using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Forward down the columns, each channel with statistics of its own.</summary>
internal readonly unsafe struct ColumnForward<T, TSource, TEpilogue>(in ForwardOperands<T> operands, TSource source, TEpilogue epilogue)
    : IColumnPass<ColumnForward<T, TSource, TEpilogue>, T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ForwardOperands<T> _operands = operands;
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;

    public static int Streams => 2;

    public bool NeedsSums
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => !_operands.HasFixedStatistics;
    }

    public bool WritesOutput => _operands.Output != null;

    public ColumnForward<T, TSource, TEpilogue> OfSample(in ColumnLayout layout, nint sample)
    {
        nint offset = sample * layout.Rows * layout.Columns;
        return new(_operands.At(offset, sample * layout.Groups), _source.At(offset), _epilogue.At(offset));
    }

    /// <summary>A mean that becomes part of another mean is taken in double.</summary>
    public bool IsNarrow(in ColumnLayout layout) =>
        typeof(T) == typeof(float) && !_operands.IsExact
        && layout.IsLongEnoughForFloats && layout.Group.Elements >= Projection.FewElements;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        nint channel = 0;
        for (; channel + Four.Count <= tile.Channels; channel += Four.Count)
            Four.Store(pivots + channel, PivotsOf<Four>(layout, tile.FirstChannel + channel));
        for (; channel < tile.Channels; channel++)
            One.Store(pivots + channel, PivotsOf<One>(layout, tile.FirstChannel + channel));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products)
        where V : unmanaged, ISimd<V, T> =>
        ColumnReduction.Run<T, V, MomentRow<T, V, TSource>>(
            new(_source.At(rows.Offset), rows.Stride, terms.Pivots), rows.Rows, rows.Columns, rows.Ahead, sums, products);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes> =>
        GroupStatistics<TLanes>.HoldInFloats(sum, product, layout.Channel.Elements, _operands.Epsilon);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T> =>
        rows.Write<T, V, ColumnAffineMap<T, V, TSource, TEpilogue>, ColumnAffineMap<T, V, TSource, TEpilogue>, ColumnAffine<V>>(
            new(_source.At(rows.Offset), _epilogue.At(rows.Offset), rows.Stride, columns.Pivot, columns.Inner, columns.Shift),
            _operands.Output);

    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T> =>
        WriteHard<W>(rows, channel, _operands.Statistics[channel]);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void WriteHard<W>(in ColumnRows rows, nint channel, in GroupStatistics statistics) where W : unmanaged, IWideSimd<W, T>
    {
        WideAffine affine = new(statistics, _operands.WeightOf<One>(channel), _operands.BiasOf<One>(channel));
        rows.Write<T, W, AffineRows<T, TSource, TEpilogue, WideAffine>, WideAffineMap<T, W, TSource, TEpilogue>, NoColumn>(
            new(_source.At(rows.Offset), _epilogue.At(rows.Offset), rows.Stride, &affine), _operands.Output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        GroupStatistics<TLanes> statistics;
        if (_operands.HasFixedStatistics)
        {
            statistics = GroupStatistics<TLanes>.Load(_operands.Statistics + channel);
        }
        else if (!Moments<T, W, W, TSource>.TryFinish(
            _source.At(channel * layout.ColumnsPerChannel), layout.ColumnsPerChannel, layout.Channel, sum, product,
            TLanes.Load(coefficients.InputPivot + channel), isCentered: true, isNarrow: false, _operands.Epsilon, out statistics))
        {
            return false;
        }
        if (_operands.Output != null)
        {
            var affine = Affine<TLanes>.Create<T>(statistics, _operands.WeightOf<TLanes>(channel), _operands.BiasOf<TLanes>(channel));
            if (TLanes.Count > 1 && !affine.IsNarrow)
                return false;
            bool isHard = typeof(T) == typeof(double) || !double.IsFinite(TLanes.First(affine.Scale));
            coefficients.Set(channel, affine, affine.IsNarrow ? Arithmetic.Narrow : isHard ? Arithmetic.Hard : Arithmetic.Wide);
        }
        if (!_operands.HasFixedStatistics)
            statistics.Store(_operands.Statistics + channel);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TLanes PivotsOf<TLanes>(in ColumnLayout layout, nint channel) where TLanes : unmanaged, ILanes<TLanes> =>
        InputPivot.Of<T, TSource, TLanes>(_source.At(channel * layout.ColumnsPerChannel), layout.ColumnsPerChannel, layout.Channel);
}
