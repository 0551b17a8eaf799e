using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>What dy of the channels is taken about, and the channels of doubles whose sums or coefficients leave their range.</summary>
internal static unsafe class ColumnGradients
{
    private const double SmallestSquare = 1e-300;

    /// <summary>What dy of a channel is taken about; where x̂ need not sum to zero, about nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double PivotOf<T>(in BackwardOperands<T> operands, in ColumnLayout layout, nint channel) where T : unmanaged =>
        typeof(T) == typeof(float) || operands.HasFixedStatistics || operands.ChannelSums != null || operands.GivenSums != null
            ? 0
            : OutputPivot.Of(operands.OutputGradient + (channel * layout.ColumnsPerChannel), layout.Channel);

    /// <summary>The same for neighboring channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes PivotsOf<T, TLanes>(in BackwardOperands<T> operands, in ColumnLayout layout, nint channel)
        where T : unmanaged
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (typeof(T) == typeof(float))
            return 0;
        double* pivots = stackalloc double[Four.Count];
        for (nint i = 0; i < TLanes.Count; i++)
            pivots[i] = PivotOf(operands, layout, channel + i);
        return TLanes.Load(pivots);
    }

    /// <summary>Whether doubles can compute the gradients of all of these channels; floats always can.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreInRange<T, TLanes>(in GroupStatistics<TLanes> statistics, TLanes weight, TLanes sum, TLanes product, TLanes pivot)
        where T : unmanaged
        where TLanes : unmanaged, ILanes<TLanes> =>
        typeof(T) == typeof(float)
        || (NumericRange.Factors<T, TLanes>(statistics.InverseStandardDeviation)
            && NumericRange.Factors<T, TLanes>(weight) && NumericRange.Factors<T, TLanes>(sum)
            && NumericRange.Factors<T, TLanes>(product) && NumericRange.Factors<T, TLanes>(pivot)
            // A sum of zero may come from products that were rounded to zero.
            && TLanes.AreAtMost(SmallestSquare, (sum * sum) + (product * product) + (pivot * pivot)));

    /// <summary>
    /// Whether floats hold the products of each of some channels, and no large part of dy is common to all of a channel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HoldInFloats<T, TLanes>(
        in BackwardOperands<T> operands, in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where T : unmanaged
        where TLanes : unmanaged, ILanes<TLanes>
    {
        SliceSet set = layout.Channel;
        nint middle = (set.Slices / 2 * set.Stride) + (set.Length / 2), last = ((set.Slices - 1) * set.Stride) + set.Length - 1;
        ProductSamples<TLanes> samples = new(
            GradientsOf<T, TLanes>(operands, layout, channel, 0), GradientsOf<T, TLanes>(operands, layout, channel, middle),
            GradientsOf<T, TLanes>(operands, layout, channel, last));
        return NumericRange.HoldsProducts(TLanes.Abs(product)) && samples.AreSpread(sum / set.Elements);
    }

    /// <summary>How far the mean of a channel moves, from the mean of x about the pivot in double.</summary>
    public static double MoveOfMean<T>(GroupStatistics statistics, double mean) where T : unmanaged =>
        statistics.MoveMean(statistics.MeanLow + (mean - GradientAffine.OffsetFromPivot<T>(statistics)));

    /// <summary>dy at an element of each of some channels, or what ReLU leaves of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes GradientsOf<T, TLanes>(in BackwardOperands<T> operands, in ColumnLayout layout, nint channel, nint element)
        where T : unmanaged
        where TLanes : unmanaged, ILanes<TLanes>
    {
        nint step = layout.ColumnsPerChannel, first = (channel * step) + element;
        if (operands.LeastInputs == null)
            return TLanes.GatherElements(operands.OutputGradient + first, step);
        double* gradients = stackalloc double[Four.Count];
        for (nint i = 0; i < TLanes.Count; i++)
        {
            double signed = Element.ToDouble(operands.Input[first + (i * step)]) * operands.InputSigns[channel + i];
            gradients[i] = operands.LeastInputs[channel + i] > signed ? 0 : Element.ToDouble(operands.OutputGradient[first + (i * step)]);
        }
        return TLanes.Load(gradients);
    }

    /// <summary>One channel that is not: its sums about no pivot, and what dx takes of it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void FinishHard<T>(
        in BackwardOperands<T> operands, in ColumnLayout layout, nint channel, ref Sums sums, in ColumnCoefficients coefficients)
        where T : unmanaged
    {
        HardGroup group = new()
        {
            Input = (double*)(operands.Input + (channel * layout.ColumnsPerChannel)),
            OutputGradient = (double*)(operands.OutputGradient + (channel * layout.ColumnsPerChannel)),
            Weight = operands.Weight == null ? null : (double*)(operands.Weight + channel),
            Units = 1,
            Unit = layout.Channel,
            Statistics = operands.Statistics[channel],
            IsCentered = !operands.HasFixedStatistics && operands.ChannelSums == null && operands.GivenSums == null,
        };
        if (operands.InputGradient != null)
        {
            bool isGiven = operands.HasFixedStatistics;
            coefficients.Set(
                channel, isGiven ? default : operands.GivenSums != null ? group.Gradient(sums, operands.GivenCount) : group.Gradient());
        }
        if (operands.GivenSums == null)
            sums = sums.AreZero && group.IsZero() ? default : group.Sums();
    }
}
