using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>From the statistics of batches to running statistics, and from these to fixed ones.</summary>
internal static unsafe class RunningStatistics
{
    /// <summary>
    /// running = (1 - momentum) · running + momentum · batch, with the unbiased or the biased variance, averaged over the samples that
    /// have statistics of their own.
    /// </summary>
    /// <remarks>
    /// <paramref name="unrounded"/> keeps the running values in double, all means and then all variances, because a value that is
    /// rounded to float at every batch does not move by steps below half an ulp. A value in double is used only if it rounds to the
    /// stored float: after somebody has written the stored float, the next batch starts from it. Where the span is empty, every batch
    /// starts from the stored values. Where samples have different counts, <paramref name="countsOfSamples"/> has them.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Update<T>(
        ReadOnlySpan<GroupStatistics> statistics,
        double count,
        double momentum,
        Span<T> mean,
        Span<T> variance,
        Span<double> unrounded = default,
        bool isBiased = false,
        ReadOnlySpan<double> countsOfSamples = default)
        where T : unmanaged
    {
        // With a momentum of 0 a NaN of the batch has no effect either.
        if (momentum == 0)
            return;
        int channels = mean.Length;
        fixed (GroupStatistics* ps = statistics)
        fixed (T* pm = mean, pv = variance[..channels])
        fixed (double* pu = unrounded.IsEmpty ? unrounded : unrounded[..(2 * channels)], pc = countsOfSamples)
        {
            Running<T> means = new(pm, pu, momentum), variances = new(pv, pu == null ? pu : pu + channels, momentum);
            double unbiased = isBiased ? 1 : count / (count - 1);
            // Where each sample has a count, each variance gets a factor of its own.
            double* counts = isBiased ? null : pc;
            unbiased = counts == null ? unbiased : 1;
            Lanes.Run(new Updating<T>(ps, statistics.Length / channels, channels, unbiased, counts, means, variances), 0, channels);
        }
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
        GroupStatistics* statistics, nint samples, nint channels, double unbiased, double* counts, Running<T> means, Running<T> variances)
        : ILaneJob
        where T : unmanaged
    {
        private readonly GroupStatistics* _statistics = statistics;
        private readonly nint _samples = samples;
        private readonly nint _channels = channels;
        private readonly double _unbiased = unbiased;
        private readonly double* _counts = counts;
        private readonly Running<T> _means = means;
        private readonly Running<T> _variances = variances;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes>
        {
            if (!_means.TryLoad(channel, out TLanes oldMean) || !_variances.TryLoad(channel, out TLanes oldVariance))
                return false;
            TLanes mean = 0, variance = 0;
            for (nint sample = 0; sample < _samples; sample++)
            {
                var statistics = GroupStatistics<TLanes>.Load(_statistics + (sample * _channels) + channel);
                mean += statistics.Mean;
                variance += _counts == null ? statistics.Variance : statistics.Variance * (_counts[sample] / (_counts[sample] - 1));
            }
            _means.Blend(channel, oldMean, mean / _samples);
            _variances.Blend(channel, oldVariance, variance / _samples * _unbiased);
            return true;
        }
    }

    /// <summary>
    /// One running statistic of all channels: as stored elements and, where there is memory for it, in double before rounding.
    /// </summary>
    private readonly struct Running<T>(T* stored, double* unrounded, double momentum) where T : unmanaged
    {
        private readonly T* _stored = stored;
        private readonly double* _unrounded = unrounded;
        private readonly double _momentum = momentum;

        /// <summary>
        /// The values so far. Returns false where the stored value of one of several channels was written from outside, so that each
        /// channel must be computed alone.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryLoad<TLanes>(nint channel, out TLanes value) where TLanes : unmanaged, ILanes<TLanes>
        {
            TLanes stored = TLanes.LoadElements(_stored + channel);
            value = stored;
            if (_unrounded == null)
                return true;
            TLanes unrounded = TLanes.Load(_unrounded + channel), rounded = TLanes.Round<T>(unrounded);
            if (TLanes.AreAtMost(rounded, stored) && TLanes.AreAtMost(stored, rounded))
                value = unrounded;
            else if (TLanes.Count > 1)
                return false;
            return true;
        }

        // A momentum of 1 forgets even a running value that is not finite.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Blend<TLanes>(nint channel, TLanes running, TLanes batch) where TLanes : unmanaged, ILanes<TLanes>
        {
            TLanes value = _momentum == 1 ? batch : ((1 - _momentum) * running) + (_momentum * batch);
            TLanes.StoreElements(_stored + channel, value);
            if (_unrounded != null)
                TLanes.Store(_unrounded + channel, value);
        }
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
