using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward of channels over their valid positions, down the columns: the statistics, unless they are given, and the output, unless it has
/// no memory.
/// </summary>
internal readonly unsafe struct MaskedColumnForward<T>(MaskedOperands<T>* operands, in TilePositions<T> positions)
    : IColumnPass<MaskedColumnForward<T>, T>
    where T : unmanaged
{
    private readonly ColumnForward<T, Plain<T>, TileMaskEpilogue<T>> _output = new(
        new()
        {
            Input = operands->Input,
            Output = operands->Output,
            Weight = operands->Weight,
            Bias = operands->Bias,
            Statistics = operands->Statistics,
            HasFixedStatistics = true,
            IsCentered = true,
        },
        new(operands->Input),
        new(positions, 0));

    private readonly MaskedOperands<T>* _operands = operands;
    private readonly TilePositions<T> _positions = positions;
    private readonly SampleWeight _total = operands->WeightOf(operands->Group(0));

    public static int Streams => 2;

    public bool NeedsSums => !_operands->HasFixedStatistics;

    public bool WritesOutput => _operands->Output != null;

    public MaskedColumnForward<T> OfSample(in ColumnLayout layout, nint sample) => this;

    /// <summary>For floats the mean of two elements, which lies nearer to the mean of all; for doubles the first element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        T* first = _operands->ElementAt(_operands->Input, _total.First), last = _operands->ElementAt(_operands->Input, _total.Last);
        for (nint channel = tile.FirstChannel, step = layout.ColumnsPerChannel; channel < tile.FirstChannel + tile.Channels; channel++)
        {
            double pivot = Element.ToDouble(first[channel * step]);
            if (typeof(T) == typeof(float))
                pivot = Element.Round<T>((pivot + Element.ToDouble(last[channel * step])) / 2);
            *pivots++ = pivot;
        }
    }

    public bool IsNarrow(in ColumnLayout layout) => layout.IsLongEnoughForFloats && _operands->MayAddColumnsInFloats(_total);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products) where V : unmanaged, ISimd<V, T>
    {
        T* x = _operands->Input + rows.Offset;
        nint stride = _positions.Stride(rows.Stride);
        if (_positions.HasWeights)
        {
            ColumnReduction.Run<T, V, WeightedMomentRow<T, V>>(
                new(x, _positions.WeightsAt(rows.Offset), rows.Stride, stride, terms.Pivots),
                rows.Rows, rows.Columns, rows.Ahead, sums, products);
            return;
        }
        ColumnReduction.Run<T, V, MaskedMomentRow<T, V>>(
            new(x, _positions.MaskAt(rows.Offset), rows.Stride, stride, terms.Pivots), rows.Rows, rows.Columns, rows.Ahead, sums, products);
    }

    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes> =>
        GroupStatistics<TLanes>.HoldInFloats(sum, product, _total.Sum, _operands->Epsilon);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (NeedsSums)
        {
            TLanes about = TLanes.Load(coefficients.InputPivot + channel);
            var statistics = GroupStatistics<TLanes>.FromSums(sum, product, about, _total.Sum, _operands->Epsilon);
            bool areNear = statistics.AreNear<T>(about);
            if (TLanes.Count > 1 && !areNear)
                return false;
            if (areNear)
                statistics.Store(_operands->Statistics + channel);
            else
                _operands->Statistics[channel] = new MaskedMoments<T, W, W>(_operands).Compute(channel, _total);
        }
        // A channel that is computed alone after this stores the same statistics again.
        return !WritesOutput || _output.TryFinish<W, TLanes>(layout, channel, sum, product, coefficients);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T> =>
        _output.Write<V>(rows, columns);

    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T> =>
        _output.WriteHard<W>(rows, channel, coefficients);
}
