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
            coefficients.Set(channel, affine);
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
        if (operands.HasGivenSums)
            (sum, product) = (TLanes.Gather(channelSums, step), TLanes.Gather(channelSums + 1, step));
        else
            product -= GradientAffine<TLanes>.Low<T>(statistics) * sum;
        if (operands.InputGradient != null)
        {
            TLanes weight = operands.WeightOf<TLanes>(channel);
            double count = operands.CountOf(layout.Channel.Elements);
            GradientAffine<TLanes> affine = operands.HasFixedStatistics
                ? GradientAffine<TLanes>.Scaling<T>(statistics.ReciprocalDeviation * weight)
                : Projection<TLanes>.Create<T>(statistics, weight * sum, weight * product, count, isCentered: true).Weighted<T>(weight);
            if (TLanes.Count > 1 && !affine.IsNarrow && count >= Projection.FewElements)
                return false;
            coefficients.Set(channel, affine);
        }
        if (operands.HasGivenSums)
            return true;
        operands.AddParameterGradients(channel, statistics.ReciprocalDeviation * product, sum);
        if (operands.ChannelSums != null)
        {
            TLanes.Scatter(channelSums, step, sum);
            TLanes.Scatter(channelSums + 1, step, product);
        }
        return true;
    }
}
