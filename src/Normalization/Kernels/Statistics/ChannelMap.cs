using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>y = (x - mean) · scale + bias: what normalization with fixed statistics does to one channel, in double.</summary>
internal readonly record struct ChannelMap(double Mean, double Scale, double Bias)
{
    public double Of(double x) => ((x - Mean) * Scale) + Bias;

    /// <summary>Fills the maps of all channels; no weight stands for ones, no bias for zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Fill<T>(
        ReadOnlySpan<T> mean, ReadOnlySpan<T> variance, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias,
        double epsilon, Span<ChannelMap> channels)
        where T : unmanaged
    {
        var statistics = new GroupStatistics[channels.Length];
        RunningStatistics.Fix(mean, variance, epsilon, statistics);
        for (int i = 0; i < channels.Length; i++)
        {
            GroupStatistics channel = statistics[i];
            double scale = channel.InverseStandardDeviation * (weight.IsEmpty ? 1 : Element.ToDouble(weight[i]));
            channels[i] = new(channel.Mean, scale, bias.IsEmpty ? 0 : Element.ToDouble(bias[i]));
        }
    }
}
