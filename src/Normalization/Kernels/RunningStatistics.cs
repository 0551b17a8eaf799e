using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>From the statistics of batches to running statistics, and from these to fixed ones.</summary>
internal static unsafe class RunningStatistics
{
    /// <summary>running = (1 - momentum) · running + momentum · batch, with the unbiased variance, averaged over the samples that have statistics of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Update<T>(ReadOnlySpan<GroupStatistics> statistics, double count, double momentum, Span<T> mean, Span<T> variance)
        where T : unmanaged
    {
        fixed (GroupStatistics* ps = statistics)
        fixed (T* pm = mean, pv = variance[..mean.Length])
            Lanes.Run(new Updating<T>(ps, statistics.Length / mean.Length, mean.Length, count / (count - 1), momentum, pm, pv), 0, mean.Length);
    }

    /// <summary>Fills statistics that do not depend on the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Fix<T>(ReadOnlySpan<T> mean, ReadOnlySpan<T> variance, double epsilon, Span<GroupStatistics> statistics)
        where T : unmanaged
    {
        fixed (GroupStatistics* ps = statistics)
        fixed (T* pm = mean[..statistics.Length], pv = variance[..statistics.Length])
            Lanes.Run(new Fixing<T>(pm, pv, epsilon, ps), 0, statistics.Length);
    }

    private readonly struct Updating<T>(
        GroupStatistics* statistics, nint samples, nint channels, double unbiased, double momentum, T* mean, T* variance) : ILaneJob
        where T : unmanaged
    {
        private readonly GroupStatistics* _statistics = statistics;
        private readonly nint _samples = samples;
        private readonly nint _channels = channels;
        private readonly double _unbiased = unbiased;
        private readonly double _momentum = momentum;
        private readonly T* _mean = mean;
        private readonly T* _variance = variance;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes>
        {
            TLanes mean = 0, variance = 0;
            for (nint sample = 0; sample < _samples; sample++)
            {
                var statistics = GroupStatistics<TLanes>.Load(_statistics + (sample * _channels) + channel);
                mean += statistics.Mean;
                variance += statistics.Variance;
            }
            Blend(_mean + channel, mean / _samples);
            Blend(_variance + channel, variance / _samples * _unbiased);
            return true;
        }

        // A momentum of 1 forgets even a running value that is not finite.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Blend<TLanes>(T* running, TLanes batch) where TLanes : unmanaged, ILanes<TLanes> =>
            TLanes.StoreElements(running, _momentum == 1 ? batch : ((1 - _momentum) * TLanes.LoadElements(running)) + (_momentum * batch));
    }

    private readonly struct Fixing<T>(T* mean, T* variance, double epsilon, GroupStatistics* statistics) : ILaneJob
        where T : unmanaged
    {
        private readonly T* _mean = mean;
        private readonly T* _variance = variance;
        private readonly double _epsilon = epsilon;
        private readonly GroupStatistics* _statistics = statistics;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes>
        {
            GroupStatistics<TLanes>.FromMoments(TLanes.LoadElements(_mean + channel), TLanes.LoadElements(_variance + channel), _epsilon)
                .Store(_statistics + channel);
            return true;
        }
    }
}
