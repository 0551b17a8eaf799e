using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <summary>
/// Which positions of each sample count: its first ones, or those whose mask is set. All positions count where both are empty.
/// </summary>
internal readonly ref struct ValidPositions<T> where T : unmanaged
{
    /// <summary>How many of its first positions each sample has; empty where the caller gave a mask or weights.</summary>
    public ReadOnlySpan<int> Lengths { get; init; }

    /// <summary>[n, s]: 255 where a position counts, and 0 elsewhere.</summary>
    public ReadOnlySpan<byte> Mask { get; init; }

    /// <summary>[n, s]; empty where all that count weigh 1.</summary>
    public ReadOnlySpan<T> Weights { get; init; }

    /// <summary>What the positions of each sample weigh.</summary>
    public ReadOnlySpan<SampleWeight> Samples { get; init; }

    /// <summary>The weights have been multiplied by 2^-this.</summary>
    public int Exponent { get; init; }

    /// <summary>Whether an output keeps its bits at positions that are not valid; if not, it is 0 there.</summary>
    public bool KeepsInvalid { get; init; }

    public bool IsAny => !Samples.IsEmpty;

    /// <summary>Whether all positions of all samples count, and weigh 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool AreAll(in Plan plan)
    {
        for (int i = 0; i < Samples.Length; i++)
        {
            if (Samples[i].Count != plan.S || !Samples[i].AreOnes)
                return false;
        }
        return plan.Elements > 0;
    }

    /// <summary>What the valid positions of all samples weigh.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public SampleWeight Total(nint s)
    {
        SampleWeight total = default;
        for (int i = 0; i < Samples.Length; i++)
            total = total.With(Samples[i], i * s);
        return total;
    }

    /// <summary>Some samples.</summary>
    public ValidPositions<T> Part(nint s, nint first, nint count) => this with
    {
        Lengths = Lengths.IsEmpty ? Lengths : Lengths.Slice((int)first, (int)count),
        Mask = Mask.IsEmpty ? Mask : Mask.Slice((int)(first * s), (int)(count * s)),
        Weights = Weights.IsEmpty ? Weights : Weights.Slice((int)(first * s), (int)(count * s)),
        Samples = Samples.Slice((int)first, (int)count),
    };

    /// <summary>Writes 0 at the positions that are not valid.</summary>
    public void ClearInvalid(in Plan plan, Span<T> y)
    {
        if (TakesMask(plan))
            MaskedLaunch.Copy(plan, y, keepsInvalid: false, this, y);
        else
            Visit(plan, default, y, isValid: false);
    }

    /// <summary>Copies the valid positions.</summary>
    public void CopyValid(in Plan plan, ReadOnlySpan<T> source, Span<T> y)
    {
        if (TakesMask(plan))
            MaskedLaunch.Copy(plan, source, keepsInvalid: true, this, y);
        else
            Visit(plan, source, y, isValid: true);
    }

    /// <summary>Copies the valid positions, and writes 0 at the others.</summary>
    public void CopyAndClear(in Plan plan, ReadOnlySpan<T> source, Span<T> y)
    {
        if (TakesMask(plan))
        {
            MaskedLaunch.Copy(plan, source, keepsInvalid: false, this, y);
            return;
        }
        Visit(plan, source, y, isValid: true);
        Visit(plan, default, y, isValid: false);
    }

    /// <summary>
    /// Whether it is faster to look at the mask of each element than to copy or to clear runs of positions, channel by channel: where
    /// slices are short, and where the valid positions of a sample do not all lie together.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private bool TakesMask(in Plan plan)
    {
        if (Mask.IsEmpty || plan.Order == MemoryOrder.ChannelsLast)
            return false;
        bool takesMask = plan.S < Thresholds.ShortSlice;
        for (int i = 0; i < Samples.Length && !takesMask; i++)
            takesMask = Samples[i].Count > 0 && Samples[i].Last - Samples[i].First >= Samples[i].Count;
        return takesMask;
    }

    /// <summary>Goes over neighboring positions that are alike, in all channels of a sample: copies from the source, or clears.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Visit(in Plan plan, ReadOnlySpan<T> source, Span<T> y, bool isValid)
    {
        int s = (int)plan.S, channels = (int)plan.C;
        for (int sample = 0; sample < Samples.Length; sample++)
        {
            for (int start = 0, end; start < s; start = end)
            {
                bool areValid = IsValid(sample, start, s);
                for (end = start + 1; end < s && IsValid(sample, end, s) == areValid; end++)
                {
                }
                if (areValid != isValid)
                    continue;
                // The channels of neighboring positions lie together where they come last, and so do all elements of a sample.
                bool isOne = plan.Order == MemoryOrder.ChannelsLast || end - start == s;
                for (int channel = 0; channel < (isOne ? 1 : channels); channel++)
                {
                    int offset = isOne ? ((sample * s) + start) * channels : (((sample * channels) + channel) * s) + start;
                    int length = isOne ? (end - start) * channels : end - start;
                    if (isValid)
                        source.Slice(offset, length).CopyTo(y.Slice(offset, length));
                    else
                        y.Slice(offset, length).Clear();
                }
            }
        }
    }

    private bool IsValid(int sample, int position, int s) =>
        Mask.IsEmpty ? position < Lengths[sample] : Mask[(sample * s) + position] != 0;
}
