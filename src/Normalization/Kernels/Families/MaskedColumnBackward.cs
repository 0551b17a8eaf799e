using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward of channels over their valid positions, down the columns: the sums of each channel, and the gradient of the input.
/// </summary>
internal readonly unsafe struct MaskedColumnBackward<T>(MaskedOperands<T>* operands, in TileWeights<T> weights)
    : IColumnPass<MaskedColumnBackward<T>, T>
    where T : unmanaged
{
    private readonly MaskedOperands<T>* _operands = operands;
    private readonly TileWeights<T> _weights = weights;
    private readonly SampleWeight _total = operands->WeightOf(operands->Group(0));

    public static bool IsBackward => true;

    public static bool HasGroups => false;

    public static bool HasInputSums => typeof(T) == typeof(double);

    public static int Streams => 3;

    public static bool HasOutputPivots => typeof(T) == typeof(double);

    public static bool HasRelu => false;

    public double* InputSigns => null;

    public double* LeastInputs => null;

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
    public void FillOutputPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        for (nint channel = 0; channel < tile.Channels; channel++)
            pivots[channel] = _operands->OutputPivotOf(_operands->Group(tile.FirstChannel + channel), _total);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<W>(in ColumnRows rows, in ColumnTerms terms, double* sums, double* products)
        where W : unmanaged, IWideSimd<W, T> =>
        Add<W>(_operands->OutputGradient, rows, terms.Pivots, terms.OutputPivots, sums, products);

    public void AddInputs<W>(in ColumnRows rows, double* pivots, double* sums, double* squares) where W : unmanaged, IWideSimd<W, T> =>
        Add<W>(_operands->Input, rows, pivots, pivots, sums, squares);

    public void KeepInput(nint channel, double sum) => _operands->UnitSums[channel].Input = sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (TLanes.Count > 1)
            return false;
        Finish(channel, TLanes.First(sum), TLanes.First(product), coefficients);
        return true;
    }

    public void FinishGroups<W>(in ColumnLayout layout, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T>
    {
        T* x = _operands->Input + rows.Offset, dy = _operands->OutputGradient + rows.Offset;
        T* weights = _weights.At(rows.Offset);
        nint stride = _weights.Stride(rows.Stride);
        if (_total.AreOnes)
        {
            ColumnGradientMap<T, V> gradient = new(
                x, dy, rows.Stride, columns.Center, columns.Pivot, columns.Outer, columns.Inner, columns.Shift);
            rows.Write<T, V, MaskedColumnGradientMap<T, V>, MaskedColumnGradientMap<T, V>, ColumnGradient<V>>(
                new(gradient, weights, stride), _operands->Output);
            return;
        }
        rows.Write<T, V, WeightedColumnGradientMap<T, V>, WeightedColumnGradientMap<T, V>, ColumnGradient<V>>(
            new(
                x, dy, weights, rows.Stride, stride, columns.Center, columns.Pivot, columns.Outer, columns.Inner, columns.Shift),
            _operands->Output);
    }

    // No channel is hard: numbers whose products leave the range of doubles have no way of their own here.
    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add<W>(T* dy, in ColumnRows rows, double* pivots, double* outputPivots, double* sums, double* products)
        where W : unmanaged, IWideSimd<W, T> =>
        ColumnReduction.Run<T, W, MaskedGradientRow<T, W>>(
            new(
                _operands->Input + rows.Offset, dy + rows.Offset, _weights.At(rows.Offset), rows.Stride, _weights.Stride(rows.Stride),
                pivots, outputPivots),
            rows.Rows, rows.Columns, rows.Ahead, sums, products);

    /// <summary>The sums of a channel about its mean, and what dx takes of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Finish(nint channel, double sum, double product, in ColumnCoefficients coefficients)
    {
        GroupStatistics statistics = _operands->Statistics[channel];
        double pivot = _operands->OutputPivotOf(_operands->Group(channel), _total);
        Sums sums = NeedsSums ? _operands->UnitSums[channel] : _operands->GivenSums[channel];
        if (NeedsSums)
        {
            double r = statistics.InverseStandardDeviation, offset = GradientAffine.OffsetFromPivot<T>(statistics);
            double input = pivot == 0 ? 0 : r * (sums.Input - (offset * _total.Count));
            sums = new() { Sum = sum, Product = r * (product - (offset * sum)), Pivot = pivot, Input = input };
            _operands->UnitSums[channel] = sums;
        }
        if (!WritesOutput)
            return;
        double weight = _operands->WeightOf(channel), total = NeedsSums ? _total.Sum : _operands->GivenWeight;
        double products = (weight * sums.Product) + (weight * (pivot * sums.Input));
        MaskedSums masked = new(weight * sums.Sum, products, pivot, weight, total, _total.Count);
        GradientAffine affine = MaskedProjection.Create<T>(statistics, masked).Weighted<T>(weight);
        coefficients.Set(channel, affine, affine.IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide);
    }
}
