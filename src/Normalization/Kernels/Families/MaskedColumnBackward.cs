using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward of channels over their valid positions, down the columns: the sums of each channel, and the gradient of the input.
/// </summary>
internal readonly unsafe struct MaskedColumnBackward<T>(MaskedOperands<T>* operands, in TilePositions<T> positions)
    : IColumnPass<MaskedColumnBackward<T>, T>
    where T : unmanaged
{
    private readonly MaskedOperands<T>* _operands = operands;
    private readonly TilePositions<T> _positions = positions;
    private readonly SampleWeight _total = operands->WeightOf(operands->Group(0));
    private readonly nint _middle = operands->MiddleOf(operands->Group(0), operands->WeightOf(operands->Group(0)));

    public static bool IsBackward => true;

    public static bool HasInputSums => typeof(T) == typeof(double);

    public static bool MayBeRefined => typeof(T) == typeof(float);

    public static int Streams => 3;

    public static bool HasOutputPivots => typeof(T) == typeof(double);

    public bool NeedsSums => _operands->GivenSums == null;

    public bool WritesOutput => _operands->Output != null;

    public MaskedColumnBackward<T> OfSample(in ColumnLayout layout, nint sample) => this;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        for (nint channel = 0; channel < tile.Channels; channel++)
            pivots[channel] = Element.Round<T>(_operands->Statistics[tile.FirstChannel + channel].Mean);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FillOutputPivots(in MaskedColumnBackward<T> pass, in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        for (nint channel = 0; channel < tile.Channels; channel++)
            pivots[channel] = pass._operands->OutputPivotOf(pass._operands->Group(tile.FirstChannel + channel), pass._total);
    }

    public bool IsNarrow(in ColumnLayout layout) => layout.IsLongEnoughForFloats && _operands->MayAddColumnsInFloats(_total);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products) where V : unmanaged, ISimd<V, T> =>
        ColumnReduction.Run<T, V, MaskedGradientRow<T, V>>(
            new(
                _operands->Input + rows.Offset, _operands->OutputGradient + rows.Offset, _positions.MaskAt(rows.Offset), rows.Stride,
                _positions.Stride(rows.Stride), terms.Pivots, terms.OutputPivots),
            rows.Rows, rows.Columns, rows.Ahead, sums, products);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInputs<V>(in MaskedColumnBackward<T> pass, in ColumnRows rows, void* pivots, void* sums, void* squares)
        where V : unmanaged, ISimd<V, T> =>
        ColumnReduction.Run<T, V, MaskedMomentRow<T, V>>(
            new(
                pass._operands->Input + rows.Offset, pass._positions.MaskAt(rows.Offset), rows.Stride,
                pass._positions.Stride(rows.Stride), pivots),
            rows.Rows, rows.Columns, rows.Ahead, sums, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        nint step = layout.ColumnsPerChannel;
        T* dy = _operands->OutputGradient + (channel * step);
        ProductSamples<TLanes> samples = new(
            TLanes.GatherElements(_operands->ElementAt(dy, _total.First), step),
            TLanes.GatherElements(_operands->ElementAt(dy, _middle), step),
            TLanes.GatherElements(_operands->ElementAt(dy, _total.Last), step));
        return NumericRange.HoldsProducts(TLanes.Abs(product)) && samples.AreSpread(sum / _total.Count);
    }

    public static double MoveOfMean(in MaskedColumnBackward<T> pass, in ColumnLayout layout, nint channel, double sum) =>
        ColumnGradients.MoveOfMean<T>(pass._operands->Statistics[channel], sum / pass._total.Count);

    public static void KeepInput(in MaskedColumnBackward<T> pass, nint channel, double sum) =>
        pass._operands->UnitSums[channel].Input = sum;

    /// <summary>The sums of channels about their means, and what dx takes of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        // Doubles have pivots, each with an element of its own.
        if (TLanes.Count > 1 && typeof(T) == typeof(double))
            return false;
        TLanes pivot = typeof(T) == typeof(double) ? _operands->OutputPivotOf(_operands->Group(channel), _total) : 0, input = 0;
        var statistics = GroupStatistics<TLanes>.Load(_operands->Statistics + channel);
        if (NeedsSums)
        {
            TLanes r = statistics.InverseStandardDeviation, offset = GradientAffine<TLanes>.OffsetFromPivot<T>(statistics);
            product = r * (product - (offset * sum));
            if (TLanes.First(pivot) != 0)
                input = r * (_operands->UnitSums[channel].Input - (offset * _total.Count));
            TLanes.StoreRecords((double*)(_operands->UnitSums + channel), sum, product, pivot, input);
        }
        else
        {
            TLanes.LoadRecords((double*)(_operands->GivenSums + channel), out sum, out product, out _, out input);
        }
        if (!WritesOutput)
            return true;
        TLanes weight = _operands->Weight == null ? 1 : TLanes.LoadElements(_operands->Weight + channel);
        TLanes products = (weight * product) + (weight * (pivot * input));
        MaskedSums<TLanes> sums = new(
            weight * sum, products, pivot, weight, NeedsSums ? _total.Sum : _operands->GivenWeight, _total.Count);
        GradientAffine<TLanes> affine = MaskedProjection<TLanes>.Create<T>(statistics, sums).Weighted<T>(weight);
        if (TLanes.Count > 1 && !affine.IsNarrow && _total.Count >= Projection.FewElements)
            return false;
        coefficients.Set(channel, affine, affine.Arithmetic);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T>
    {
        T* x = _operands->Input + rows.Offset, dy = _operands->OutputGradient + rows.Offset;
        byte* mask = _positions.MaskAt(rows.Offset);
        nint stride = _positions.Stride(rows.Stride);
        if (!_positions.HasWeights)
        {
            ColumnGradientMap<T, V> gradient = new(
                x, dy, rows.Stride, columns.Center, columns.Pivot, columns.Outer, columns.Inner, columns.Shift);
            rows.Write<T, V, MaskedColumnGradientMap<T, V>, MaskedColumnGradientMap<T, V>, ColumnGradient<V>>(
                new(gradient, mask, stride), _operands->Output);
            return;
        }
        rows.Write<T, V, WeightedColumnGradientMap<T, V>, WeightedColumnGradientMap<T, V>, ColumnGradient<V>>(
            new(
                x, dy, mask, _positions.WeightsAt(rows.Offset), rows.Stride, stride, columns.Center, columns.Pivot, columns.Outer,
                columns.Inner, columns.Shift),
            _operands->Output);
    }

    // No channel is hard: numbers whose products leave the range of doubles have no way of their own here.
    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>
    {
    }
}
