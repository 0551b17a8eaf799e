using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Backward down the columns, each channel with statistics of its own.</summary>
internal readonly unsafe struct ColumnBackward<T, TRelu>(in BackwardOperands<T> operands) : IColumnPass<ColumnBackward<T, TRelu>, T>
    where T : unmanaged
    where TRelu : struct, IFlag
{
    private readonly BackwardOperands<T> _operands = operands;

    public static bool IsBackward => true;

    public static bool MayBeRefined => typeof(T) == typeof(float);

    public static int Streams => 3;

    public static bool HasOutputPivots => typeof(T) == typeof(double);

    public static bool HasRelu => TRelu.Value;

    public static double* InputSigns(in ColumnBackward<T, TRelu> pass) => pass._operands.InputSigns;

    public static double* LeastInputs(in ColumnBackward<T, TRelu> pass) => pass._operands.LeastInputs;

    public bool NeedsSums
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _operands.GivenSums == null;
    }

    public bool WritesOutput => _operands.InputGradient != null;

    public ColumnBackward<T, TRelu> OfSample(in ColumnLayout layout, nint sample) => new(_operands.OfSample(layout, sample));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        for (nint channel = 0; channel < tile.Channels; channel++)
            pivots[channel] = Element.Round<T>(_operands.Statistics[tile.FirstChannel + channel].Mean);
    }

    /// <summary>As forward, where x̂ sums to zero; elsewhere a common part of dy would multiply the error of the mean.</summary>
    public bool IsNarrow(in ColumnLayout layout) =>
        typeof(T) == typeof(float) && layout.IsLongEnoughForFloats && layout.Group.Elements >= Projection.FewElements
        && !_operands.HasFixedStatistics && _operands.ChannelSums == null && _operands.GivenSums == null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products) where V : unmanaged, ISimd<V, T>
    {
        T* x = _operands.Input + rows.Offset, dy = _operands.OutputGradient + rows.Offset;
        if (TRelu.Value)
        {
            ColumnReduction.Run<T, V, ReluGradientRow<T, V>>(
                new(x, dy, rows.Stride, terms.Pivots, terms.Signs, terms.Least), rows.Rows, rows.Columns, rows.Ahead, sums, products);
        }
        else
        {
            ColumnReduction.Run<T, V, GradientRow<T, V>>(
                new(x, dy, rows.Stride, terms.Pivots, terms.OutputPivots), rows.Rows, rows.Columns, rows.Ahead, sums, products);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FillOutputPivots(in ColumnBackward<T, TRelu> pass, in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        for (nint channel = 0; channel < tile.Channels; channel++)
            pivots[channel] = ColumnGradients.PivotOf(pass._operands, layout, tile.FirstChannel + channel);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInputs<V>(in ColumnBackward<T, TRelu> pass, in ColumnRows rows, void* pivots, void* sums, void* squares)
        where V : unmanaged, ISimd<V, T> =>
        ColumnReduction.Run<T, V, MomentRow<T, V, Plain<T>>>(
            new(new(pass._operands.Input + rows.Offset), rows.Stride, pivots), rows.Rows, rows.Columns, rows.Ahead, sums, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes> =>
        ColumnGradients.HoldInFloats(_operands, layout, channel, sum, product);

    public static double MoveOfMean(in ColumnBackward<T, TRelu> pass, in ColumnLayout layout, nint channel, double sum) =>
        ColumnGradients.MoveOfMean<T>(pass._operands.Statistics[channel], sum / layout.Channel.Elements);

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
            ColumnGradientMap<T, V> map = new(
                x, dy, rows.Stride, columns.Center, columns.Pivot, columns.Outer, columns.Inner, columns.Shift);
            if (TRelu.Value)
            {
                rows.Write<T, V, ReluColumnGradientMap<T, V>, ReluColumnGradientMap<T, V>, ColumnGradient<V>>(
                    new(map, x, dy, rows.Stride, columns.Sign, columns.Least), _operands.InputGradient);
            }
            else
            {
                rows.Write<T, V, ColumnGradientMap<T, V>, ColumnGradientMap<T, V>, ColumnGradient<V>>(map, _operands.InputGradient);
            }
        }
    }

    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T> =>
        WriteHard<W>(rows, channel, _operands.Statistics[channel], coefficients);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void WriteHard<W>(in ColumnRows rows, nint channel, in GroupStatistics statistics, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
    {
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
        if (_operands.SampleSums != null)
        {
            TLanes.Scatter((double*)(_operands.SampleSums + channel), step, sum);
            TLanes.Scatter((double*)(_operands.SampleSums + channel) + 1, step, product);
            return true;
        }
        _operands.AddParameterGradients(channel, product, sum);
        if (_operands.ChannelSums != null)
        {
            TLanes.Scatter(received, step, sum);
            TLanes.Scatter(received + 1, step, product);
        }
        return true;
    }
}
