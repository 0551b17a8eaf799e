using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>Gathers the statistics of one layer over many forward passes.</summary>
/// <param name="channels">The number of channels.</param>
/// <param name="isPooled">Whether all elements of a channel become one population; if not, groups are averaged.</param>
/// <param name="isBiased">Whether the variance is the biased one.</param>
internal sealed class StatisticsAccumulator(int channels, bool isPooled, bool isBiased)
{
    /// <summary>The count and four numbers of each channel, as <see cref="Write"/> gives them.</summary>
    public int Length => 1 + (4 * channels);

    public bool IsPooled => isPooled;

    public bool IsBiased => isBiased;

    public int Channels => channels;

    /// <summary>Gets the weight of what has been seen: elements of each channel, or groups of them.</summary>
    public StateCounter Count { get; } = new(isPooled ? "element_count" : "group_count");

    public Tensor<double> Mean { get; } = new(channels);

    public Tensor<double> MeanLow { get; } = new(channels);

    public Tensor<double> Variance { get; } = new(channels);

    public Tensor<double> VarianceLow { get; } = new(channels);

    /// <summary>Gets what is saved.</summary>
    public IEnumerable<StateBuffer<double>> Buffers =>
    [
        new(Count.Name, null, Count),
        new("mean", Mean, null),
        new("mean_low", MeanLow, null),
        new("variance", Variance, null, IsNonNegative: true),
        new("variance_low", VarianceLow, null),
    ];

    /// <summary>Adds the statistics of a pass. Passes may run at once in several threads.</summary>
    public void Add(InputStatistics statistics)
    {
        double elements = statistics.ElementsPerGroup, unbiased = isPooled || isBiased ? 1 : elements / (elements - 1);
        lock (Count)
        {
            for (int first = 0; first < statistics.GroupCount; first += channels)
            {
                double share = Weigh(isPooled ? (long)elements : 1);
                for (int channel = 0; channel < channels; channel++)
                {
                    ref readonly GroupStatistics group = ref statistics.Groups[first + channel];
                    Add(channel, new(group.Mean, group.MeanLow, group.Variance * unbiased, 0), share);
                }
            }
        }
    }

    /// <summary>Adds what another accumulator of the same layer has seen.</summary>
    public void Add(StatisticsAccumulator other)
    {
        Span<double> numbers = new double[Length];
        other.Write(numbers);
        Add(numbers);
    }

    /// <summary>Adds what another accumulator has written.</summary>
    public void Add(ReadOnlySpan<double> numbers)
    {
        if (numbers[0] == 0)
            return;
        lock (Count)
        {
            double share = Weigh((long)numbers[0]);
            for (int channel = 0; channel < channels; channel++)
            {
                ReadOnlySpan<double> part = numbers.Slice(1 + (4 * channel), 4);
                Add(channel, new(part[0], part[1], part[2], part[3]), share);
            }
        }
    }

    /// <summary>Writes everything as <see cref="Length"/> numbers.</summary>
    public void Write(Span<double> numbers)
    {
        lock (Count)
        {
            numbers[0] = Count.Value;
            for (int channel = 0; channel < channels; channel++)
            {
                PopulationMoments moments = this[channel];
                (numbers[1 + (4 * channel)], numbers[2 + (4 * channel)]) = (moments.Mean, moments.MeanLow);
                (numbers[3 + (4 * channel)], numbers[4 + (4 * channel)]) = (moments.Variance, moments.VarianceLow);
            }
        }
    }

    /// <summary>The mean and the variance of the population in one channel.</summary>
    public (double Mean, double Variance) Population(int channel)
    {
        PopulationMoments moments = this[channel];
        double all = Count.Value, unbiased = isPooled && !isBiased ? all / (all - 1) : 1;
        return (moments.Mean + moments.MeanLow, (moments.Variance + moments.VarianceLow) * unbiased);
    }

    private PopulationMoments this[int channel] =>
        new(Mean.Span[channel], MeanLow.Span[channel], Variance.Span[channel], VarianceLow.Span[channel]);

    /// <summary>Adds to the weight of all, and returns the share of what was added.</summary>
    private double Weigh(long weight)
    {
        Count.Value += weight;
        return (double)weight / Count.Value;
    }

    private void Add(int channel, in PopulationMoments part, double share)
    {
        PopulationMoments moments = this[channel].With(part, share, isPooled);
        (Mean.Span[channel], MeanLow.Span[channel]) = (moments.Mean, moments.MeanLow);
        (Variance.Span[channel], VarianceLow.Span[channel]) = (moments.Variance, moments.VarianceLow);
    }
}
