using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>What forward and backward down the columns do differently.</summary>
internal unsafe interface IColumnPass<T> where T : unmanaged
{
    static abstract bool IsBackward { get; }

    /// <summary>How many tensors the pass reads and writes.</summary>
    static abstract int Streams { get; }

    static abstract bool NeedsSums(in Operands<T> operands);

    /// <summary>What the sums of a channel are taken about.</summary>
    static abstract T Pivot(in Operands<T> operands, nint channel, nint fold);

    /// <summary>Statistics or gradients and coefficients from the sums of some channels; nothing and false where one of several needs to be looked at alone.</summary>
    static abstract bool TryFinish<W, TLanes>(
        in Operands<T> operands, in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>;
}

internal readonly unsafe struct ColumnForward<T> : IColumnPass<T> where T : unmanaged
{
    public static bool IsBackward => false;

    public static int Streams => 2;

    public static bool NeedsSums(in Operands<T> operands) => !operands.HasFixedStatistics;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pivot(in Operands<T> operands, nint channel, nint fold) => operands.Input[channel * fold];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFinish<W, TLanes>(
        in Operands<T> operands, in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        GroupStatistics<TLanes> statistics;
        if (operands.HasFixedStatistics)
        {
            statistics = GroupStatistics<TLanes>.Load(operands.Statistics + channel);
        }
        else if (!Moments<T, W>.TryFinish(
            operands.Input + (channel * layout.Fold), layout.Fold, layout.Channel, sum, product, isCentered: true, operands.Epsilon, out statistics))
        {
            return false;
        }
        if (operands.Output != null)
        {
            var affine = Affine<TLanes>.Create<T>(statistics, operands.WeightOf<TLanes>(channel), operands.BiasOf<TLanes>(channel));
            if (TLanes.Count > 1 && !affine.IsNarrow)
                return false;
            bool isHard = typeof(T) == typeof(double) || !double.IsFinite(TLanes.First(affine.Scale));
            coefficients.Set(channel, affine, affine.IsNarrow ? Arithmetic.Narrow : isHard ? Arithmetic.Hard : Arithmetic.Wide);
        }
        if (!operands.HasFixedStatistics)
            statistics.Store(operands.Statistics + channel);
        return true;
    }
}

internal readonly unsafe struct ColumnBackward<T> : IColumnPass<T> where T : unmanaged
{
    public static bool IsBackward => true;

    public static int Streams => 3;

    public static bool NeedsSums(in Operands<T> operands) => !operands.HasGivenSums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pivot(in Operands<T> operands, nint channel, nint fold) => Element.FromDouble<T>(operands.Statistics[channel].Mean);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFinish<W, TLanes>(
        in Operands<T> operands, in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var statistics = GroupStatistics<TLanes>.Load(operands.Statistics + channel);
        double* channelSums = (double*)(operands.ChannelSums + channel);
        nint step = sizeof(Sums) / sizeof(double);
        TLanes weight = operands.WeightOf<TLanes>(channel), pivot = ColumnGradients.PivotsOf<T, TLanes>(operands, layout, channel);
        if (operands.HasGivenSums)
            (sum, product) = (TLanes.Gather(channelSums, step), TLanes.Gather(channelSums + 1, step));
        else
            product = statistics.ReciprocalDeviation * (product - (GradientAffine<TLanes>.Low<T>(statistics) * sum));
        bool areInRange = ColumnGradients.AreInRange<T, TLanes>(statistics, weight, sum, product, pivot);
        if (TLanes.Count > 1 && !areInRange)
            return false;
        if (areInRange)
        {
            if (operands.InputGradient != null)
            {
                double count = operands.CountOf(layout.Channel.Elements);
                ProjectionSums<TLanes> sums = new() { Sum = weight * sum, Product = weight * product, Pivot = pivot, Weight = weight };
                GradientAffine<TLanes> affine = operands.HasFixedStatistics
                    ? GradientAffine<TLanes>.Scaling<T>(statistics, weight)
                    : Projection<TLanes>.Create<T>(statistics, sums, count, isCentered: true).Weighted<T>(weight);
                if (TLanes.Count > 1 && !affine.IsNarrow && count >= Projection.FewElements)
                    return false;
                coefficients.Set(channel, affine, affine.IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide);
            }
            sum += layout.Channel.Elements * pivot;
        }
        else
        {
            Sums one = new() { Sum = TLanes.First(sum), Product = TLanes.First(product), Pivot = TLanes.First(pivot) };
            ColumnGradients.FinishHard(operands, layout, channel, ref one, coefficients);
            (sum, product) = (one.Sum, one.Product);
        }
        if (operands.HasGivenSums)
            return true;
        operands.AddParameterGradients(channel, product, sum);
        if (operands.ChannelSums != null)
        {
            TLanes.Scatter(channelSums, step, sum);
            TLanes.Scatter(channelSums + 1, step, product);
        }
        return true;
    }
}
