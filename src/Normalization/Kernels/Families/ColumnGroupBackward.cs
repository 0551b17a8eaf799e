using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Backward down the columns of one sample, where neighboring channels share statistics.</summary>
internal readonly unsafe struct ColumnGroupBackward<T>(in BackwardOperands<T> operands, nint channelsPerGroup)
    : IColumnPass<ColumnGroupBackward<T>, T>
    where T : unmanaged
{
    private readonly ColumnBackward<T, Off> _channels = new(operands);
    private readonly BackwardOperands<T> _operands = operands;
    private readonly nint _channelsPerGroup = channelsPerGroup;

    public static bool IsBackward => true;

    public static bool HasGroups => true;

    public static bool HasInputSums => HasOutputPivots;

    public static int Streams => 3;

    public static bool HasOutputPivots => typeof(T) == typeof(double);

    public bool NeedsSums => true;

    public bool WritesOutput => _channels.WritesOutput;

    public ColumnGroupBackward<T> OfSample(in ColumnLayout layout, nint sample) =>
        new(_operands.OfSample(layout, sample), _channelsPerGroup);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        nint channel = 0;
        for (nint group = tile.FirstChannel / _channelsPerGroup; channel < tile.Channels; group++)
        {
            double pivot = Element.Round<T>(_operands.Statistics[group].Mean);
            for (nint end = EndOf(group, tile); channel < end; channel++)
                pivots[channel] = pivot;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FillOutputPivots(in ColumnGroupBackward<T> pass, in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
        nint channel = 0;
        for (nint group = tile.FirstChannel / pass._channelsPerGroup; channel < tile.Channels; group++)
        {
            double pivot = pass.OutputPivotOf(layout, group);
            for (nint end = pass.EndOf(group, tile); channel < end; channel++)
                pivots[channel] = pivot;
        }
    }

    public bool IsNarrow(in ColumnLayout layout) => _channels.IsNarrow(layout);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products) where V : unmanaged, ISimd<V, T> =>
        _channels.AddRows<V>(rows, terms, sums, products);

    public static void AddInputs<V>(in ColumnGroupBackward<T> pass, in ColumnRows rows, void* pivots, void* sums, void* squares)
        where V : unmanaged, ISimd<V, T> =>
        ColumnBackward<T, Off>.AddInputs<V>(pass._channels, rows, pivots, sums, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes> =>
        _channels.HoldInFloats(layout, channel, sum, product);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        nint step = sizeof(Sums) / sizeof(double);
        TLanes.Scatter((double*)(_operands.SampleSums + channel), step, sum);
        TLanes.Scatter((double*)(_operands.SampleSums + channel) + 1, step, product);
        return true;
    }

    public static void KeepInput(in ColumnGroupBackward<T> pass, nint channel, double sum) =>
        pass._operands.SampleSums[channel].Input = sum;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FinishGroups<W>(in ColumnGroupBackward<T> pass, in ColumnLayout layout, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
    {
        for (nint group = 0; group < layout.Groups; group++)
        {
            nint first = group * pass._channelsPerGroup, end = first + pass._channelsPerGroup;
            GroupStatistics statistics = pass._operands.Statistics[group];
            double pivot = typeof(T) == typeof(double) ? pass.OutputPivotOf(layout, group) : 0;
            pass.SetAboutMean(layout, first, statistics, pivot);
            if (pass.IsNarrow(layout) && !pass.AreSpread(layout, first))
                pass.Refine<W>(layout, first, ref statistics);
            if (pass.WritesOutput)
                pass.SetCoefficients(layout, first, statistics, pivot, coefficients);
            for (nint channel = first; channel < end && typeof(T) == typeof(double); channel++)
                pass._operands.SampleSums[channel] = pass._operands.SampleSums[channel].AboutZero(layout.Rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T> =>
        _channels.Write<V>(rows, columns);

    public void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T> =>
        _channels.WriteHard<W>(rows, channel, _operands.Statistics[channel / _channelsPerGroup], coefficients);

    /// <summary>Where the channels of a group end in a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint EndOf(nint group, in ColumnTile tile) => Math.Min(((group + 1) * _channelsPerGroup) - tile.FirstChannel, tile.Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double OutputPivotOf(in ColumnLayout layout, nint group) =>
        OutputPivot.Of(_operands.OutputGradient + (group * _channelsPerGroup), layout.Group);

    /// <summary>The sums of the channels of a group about its mean, from those about the pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetAboutMean(in ColumnLayout layout, nint first, in GroupStatistics statistics, double pivot)
    {
        double offset = GradientAffine.OffsetFromPivot<T>(statistics), r = statistics.InverseStandardDeviation;
        for (nint channel = first; channel < first + _channelsPerGroup; channel++)
        {
            ref Sums sums = ref _operands.SampleSums[channel];
            sums.Product = r * (sums.Product - (offset * sums.Sum));
            if (typeof(T) == typeof(float))
                continue;
            sums.Pivot = pivot;
            sums.Input = pivot == 0 ? 0 : r * (sums.Input - (offset * layout.Rows));
            bool areZero = sums.AreZero;
            if (!areZero && sums.AreInRange(statistics, 1))
                continue;
            HardGroup hard = Hard(layout, channel, 1, statistics);
            if (!areZero || !hard.IsZero())
                sums = hard.Sums();
        }
    }

    /// <summary>Whether three products of weight and dy say that no large part is common to all of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool AreSpread(in ColumnLayout layout, nint first)
    {
        double sum = 0;
        for (nint channel = first; channel < first + _channelsPerGroup; channel++)
            sum += _operands.WeightOf<One>(channel) * _operands.SampleSums[channel].Sum;
        nint middle = _channelsPerGroup / 2, last = _channelsPerGroup - 1;
        ProductSamples<One> samples = new(
            Product(layout, 0, first), Product(layout, layout.Rows / 2, first + middle), Product(layout, layout.Rows - 1, first + last));
        // A NaN in one channel says nothing about the others.
        return !double.IsFinite(sum) || samples.AreSpread(sum / layout.Group.Elements);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private One Product(in ColumnLayout layout, nint row, nint channel) =>
        _operands.WeightOf<One>(channel) * Element.ToDouble(_operands.OutputGradient[(row * layout.Columns) + channel]);

    /// <summary>The sums of the channels of a group about a mean without the error of sums in float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Refine<W>(in ColumnLayout layout, nint first, ref GroupStatistics statistics) where W : unmanaged, IWideSimd<W, T>
    {
        double move = Moments<T, W, W, Plain<T>>.RefineMean(new(_operands.Input + first), layout.Group, ref statistics);
        for (nint channel = first; channel < first + _channelsPerGroup; channel++)
            _operands.SampleSums[channel].Product -= statistics.InverseStandardDeviation * move * _operands.SampleSums[channel].Sum;
    }

    /// <summary>What dx takes of the channels of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetCoefficients(
        in ColumnLayout layout, nint first, in GroupStatistics statistics, double pivot, in ColumnCoefficients coefficients)
    {
        double firstWeight = _operands.WeightOf<One>(first);
        CompensatedSum sum = default, product = default, excess = default, input = default;
        bool areInRange = true;
        for (nint channel = first; channel < first + _channelsPerGroup; channel++)
        {
            double weight = _operands.WeightOf<One>(channel);
            ref readonly Sums sums = ref _operands.SampleSums[channel];
            sum.Add(weight * sums.Sum);
            product.Add(weight * sums.Product);
            if (typeof(T) == typeof(float))
                continue;
            excess.Add(weight - firstWeight);
            input.Add((weight - firstWeight) * sums.Input);
            areInRange = areInRange && sums.AreInRange(statistics, weight);
        }
        if (!areInRange)
        {
            HardGradient gradient = Hard(layout, first, _channelsPerGroup, statistics).Gradient();
            for (nint channel = first; channel < first + _channelsPerGroup; channel++)
                coefficients.Set(channel, gradient);
            return;
        }
        ProjectionSums<One> total = new()
        {
            Sum = sum.Value,
            Product = product.Value + (pivot * input.Value),
            Pivot = pivot,
            Weight = firstWeight,
            WeightExcess = excess.Value / _channelsPerGroup,
        };
        var projection = Projection.Create<T>(statistics, total, layout.Group.Elements, isCentered: true);
        for (nint channel = first; channel < first + _channelsPerGroup; channel++)
        {
            GradientAffine affine = projection.Weighted<T>(_operands.WeightOf<One>(channel));
            coefficients.Set(channel, affine, affine.Arithmetic);
        }
    }

    private HardGroup Hard(in ColumnLayout layout, nint first, nint channels, in GroupStatistics statistics) => new()
    {
        Input = (double*)(_operands.Input + first),
        OutputGradient = (double*)(_operands.OutputGradient + first),
        Weight = _operands.Weight == null ? null : (double*)(_operands.Weight + first),
        Units = channels,
        UnitStride = 1,
        Unit = new(layout.Rows, 1, layout.Columns),
        Statistics = statistics,
        IsCentered = channels == _channelsPerGroup,
    };
}
