using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>What forward and backward down the columns do differently.</summary>
internal unsafe interface IColumnPass<T> where T : unmanaged
{
    static abstract bool IsBackward { get; }

    /// <summary>How many tensors the pass reads and writes.</summary>
    static abstract int Streams { get; }

    /// <summary>Whether dy is taken about a pivot: it is in double, which has no digits to spare.</summary>
    static abstract bool HasOutputPivots { get; }

    bool NeedsSums { get; }

    bool WritesOutput { get; }

    /// <summary>What the sums of a channel are taken about.</summary>
    double Pivot(nint channel, nint columnsPerChannel);

    /// <summary>What dy of a channel is taken about, where <see cref="HasOutputPivots"/>.</summary>
    double OutputPivot(in ColumnLayout layout, nint channel);

    /// <summary>Adds rows to the sums of their columns.</summary>
    void AddRows<W>(in ColumnRows rows, double* pivots, double* outputPivots, double* sums, double* products)
        where W : unmanaged, IWideSimd<W, T>;

    /// <summary>
    /// Computes statistics or gradients, and coefficients, from the sums of some channels. Returns false, and has done nothing, where
    /// one of several channels must be computed alone.
    /// </summary>
    bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>;

    /// <summary>The elementwise pass over some rows, with the coefficients of each column.</summary>
    void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T>;

    /// <summary>The same for the columns of one channel whose coefficients leave the range of a double.</summary>
    void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>;
}

/// <summary>Some rows of a tile, and how they are written.</summary>
internal readonly unsafe record struct ColumnRows(
    nint Offset, nint Stride, nint Rows, nint Columns, bool AreFour, bool IsStreamed, nint Ahead)
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T, V, TRows, TMap, TColumn>(in TRows rows, T* output)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct =>
        Map.Run<T, V, TRows, TMap, TColumn>(rows, 0, Rows, AreFour, new(output + Offset, Columns, IsStreamed, Ahead), Stride);
}

internal readonly unsafe struct ColumnForward<T, TSource, TEpilogue>(in ForwardOperands<T> operands, TSource source, TEpilogue epilogue)
    : IColumnPass<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ForwardOperands<T> _operands = operands;
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;

    public static bool IsBackward => false;

    public static int Streams => 2;

    public static bool HasOutputPivots => false;

    public bool NeedsSums => !_operands.HasFixedStatistics;

    public bool WritesOutput => _operands.Output != null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Pivot(nint channel, nint columnsPerChannel) => _source.At(channel * columnsPerChannel).Gather<One>(0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<W>(in ColumnRows rows, double* pivots, double* outputPivots, double* sums, double* products)
        where W : unmanaged, IWideSimd<W, T> =>
        ColumnReduction.Run<T, W, MomentRow<T, W, TSource>>(
            new(_source.At(rows.Offset), rows.Stride, pivots), rows.Rows, rows.Columns, rows.Ahead, sums, products);

    public double OutputPivot(in ColumnLayout layout, nint channel) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T> =>
        rows.Write<T, V, ColumnAffineMap<T, V, TSource, TEpilogue>, ColumnAffineMap<T, V, TSource, TEpilogue>, ColumnAffine<V>>(
            new(_source.At(rows.Offset), _epilogue.At(rows.Offset), rows.Stride, columns.Pivot, columns.Inner, columns.Shift),
            _operands.Output);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>
    {
        WideAffine affine = new(_operands.Statistics[channel], _operands.WeightOf<One>(channel), _operands.BiasOf<One>(channel));
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
            _source.At(channel * layout.ColumnsPerChannel), layout.ColumnsPerChannel, layout.Channel,
            sum, product, isCentered: true, _operands.Epsilon, out statistics))
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
}

internal readonly unsafe struct ColumnBackward<T>(in BackwardOperands<T> operands) : IColumnPass<T> where T : unmanaged
{
    private readonly BackwardOperands<T> _operands = operands;

    public static bool IsBackward => true;

    public static int Streams => 3;

    public static bool HasOutputPivots => typeof(T) == typeof(double);

    public bool NeedsSums => _operands.GivenSums == null;

    public bool WritesOutput => _operands.InputGradient != null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Pivot(nint channel, nint columnsPerChannel) => Element.Round<T>(_operands.Statistics[channel].Mean);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<W>(in ColumnRows rows, double* pivots, double* outputPivots, double* sums, double* products)
        where W : unmanaged, IWideSimd<W, T> =>
        ColumnReduction.Run<T, W, GradientRow<T, W>>(
            new(_operands.Input + rows.Offset, _operands.OutputGradient + rows.Offset, rows.Stride, pivots, outputPivots),
            rows.Rows,
            rows.Columns,
            rows.Ahead,
            sums,
            products);

    public double OutputPivot(in ColumnLayout layout, nint channel) => ColumnGradients.PivotOf(_operands, layout, channel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T>
    {
        T* x = _operands.Input + rows.Offset, dy = _operands.OutputGradient + rows.Offset;
        if (_operands.HasFixedStatistics)
        {
            rows.Write<T, V, ColumnAffineMap<T, V, Plain<T>, Identity<T>>, ColumnAffineMap<T, V, Plain<T>, Identity<T>>, ColumnAffine<V>>(
                new(new(dy), default, rows.Stride, columns.Pivot, columns.Outer, columns.Shift), _operands.InputGradient);
        }
        else
        {
            rows.Write<T, V, ColumnGradientMap<T, V>, ColumnGradientMap<T, V>, ColumnGradient<V>>(
                new(x, dy, rows.Stride, columns.Center, columns.Pivot, columns.Outer, columns.Inner, columns.Shift),
                _operands.InputGradient);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>
    {
        GroupStatistics statistics = _operands.Statistics[channel];
        double weight = _operands.WeightOf<One>(channel);
        T* x = _operands.Input + rows.Offset, dy = _operands.OutputGradient + rows.Offset;
        if (_operands.HasFixedStatistics)
        {
            WideAffine affine = new(statistics.Uncentered, weight, 0);
            rows.Write<T, W, AffineRows<T, Plain<T>, Identity<T>, WideAffine>, WideAffineMap<T, W, Plain<T>, Identity<T>>, NoColumn>(
                new(new(dy), default, rows.Stride, &affine), _operands.InputGradient);
            return;
        }
        HardGradient gradient = coefficients.HardGradientOf(channel);
        for (nint row = 0; row < rows.Rows; row++)
        {
            nint offset = row * rows.Stride;
            Target<T> target = new(_operands.InputGradient + rows.Offset + offset, rows.Columns, isStreamed: false, ahead: 0);
            HardGroup.Write(gradient, statistics, x + offset, dy + offset, &weight, 0, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var statistics = GroupStatistics<TLanes>.Load(_operands.Statistics + channel);
        nint step = sizeof(Sums) / sizeof(double);
        TLanes weight = _operands.WeightOf<TLanes>(channel), pivot = ColumnGradients.PivotsOf<T, TLanes>(_operands, layout, channel);
        double* given = (double*)(_operands.GivenSums + channel), received = (double*)(_operands.ChannelSums + channel);
        if (!NeedsSums)
            (sum, product) = (TLanes.Gather(given, step), TLanes.Gather(given + 1, step));
        else
            product = statistics.InverseStandardDeviation * (product - (GradientAffine<TLanes>.OffsetFromPivot<T>(statistics) * sum));
        bool areInRange = ColumnGradients.AreInRange<T, TLanes>(statistics, weight, sum, product, pivot);
        if (TLanes.Count > 1 && !areInRange)
            return false;
        if (areInRange)
        {
            if (_operands.InputGradient != null)
            {
                double count = _operands.CountOf(layout.Channel.Elements);
                ProjectionSums<TLanes> sums = new() { Sum = weight * sum, Product = weight * product, Pivot = pivot, Weight = weight };
                GradientAffine<TLanes> affine = _operands.HasFixedStatistics
                    ? GradientAffine<TLanes>.Scaling<T>(statistics, weight)
                    : Projection<TLanes>.Create<T>(statistics, sums, count, isCentered: true).Weighted<T>(weight);
                if (TLanes.Count > 1 && !affine.IsNarrow && count >= Projection.FewElements)
                    return false;
                coefficients.Set(channel, affine, affine.Arithmetic);
            }
            sum += layout.Channel.Elements * pivot;
        }
        else
        {
            Sums one = new() { Sum = TLanes.First(sum), Product = TLanes.First(product), Pivot = TLanes.First(pivot) };
            ColumnGradients.FinishHard(_operands, layout, channel, ref one, coefficients);
            (sum, product) = (one.Sum, one.Product);
        }
        if (!NeedsSums)
            return true;
        _operands.AddParameterGradients(channel, product, sum);
        if (_operands.ChannelSums != null)
        {
            TLanes.Scatter(received, step, sum);
            TLanes.Scatter(received + 1, step, product);
        }
        return true;
    }
}
