using Normalization.Kernels;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>Which positions of each sample are valid, as a caller has said it.</summary>
internal readonly ref struct GivenPositions<T> where T : unmanaged
{
    public ReadOnlySpan<int> Lengths { get; init; }

    public ReadOnlySpan<bool> Mask { get; init; }

    public ReadOnlySpan<T> Weights { get; init; }

    public bool KeepsInvalid { get; init; }

    public bool IsAny => !(Lengths.IsEmpty && Mask.IsEmpty && Weights.IsEmpty);

    /// <summary>Throws unless they fit a plan.</summary>
    public void Check(in Plan plan)
    {
        if (!IsAny)
            return;
        if ((Lengths.IsEmpty ? 0 : 1) + (Mask.IsEmpty ? 0 : 1) + (Weights.IsEmpty ? 0 : 1) > 1)
            throw Guard.InputError("Pass one of Lengths, Mask and Weights, and not several.", nameof(Lengths));
        if (plan.Statistics is not (StatisticsSharing.Channel or StatisticsSharing.ChannelGroup))
        {
            throw new NotSupportedException(
                "The statistics span neither positions nor samples, so no position changes another one. Pass no Lengths, Mask or Weights, "
                    + "and mask the output.");
        }
        if (plan.PieceSize > 0)
        {
            throw new NotSupportedException(
                "Virtual batches take no Lengths, Mask or Weights. Use a layer without VirtualBatchSize, or a pass for each piece.");
        }
        long positions = (long)plan.N * plan.S;
        Guard.LengthOrEmpty(Lengths, plan.N, nameof(Lengths), "the number of samples");
        Guard.LengthOrEmpty(Mask, positions, nameof(Mask), "one for each sample and position");
        Guard.LengthOrEmpty(Weights, positions, nameof(Weights), "one for each sample and position");
        for (int i = 0; i < Lengths.Length; i++)
        {
            if (Lengths[i] < 0 || Lengths[i] > plan.S)
                throw Guard.InputError($"Lengths must lie in [0, {plan.S}], got {Lengths[i]} for sample {i}.", nameof(Lengths));
        }
        int invalid = PositionMask.IndexOfInvalid(Weights);
        if (invalid >= 0)
        {
            double weight = Element.ToDouble(Weights[invalid]);
            throw Guard.InputError($"Weights must be finite and at least 0, got {weight} at position {invalid}.", nameof(Weights));
        }
    }

    /// <summary>How many bytes the kernels need for a mask.</summary>
    public int MaskRoom(in Plan plan) => !IsAny || (!Lengths.IsEmpty && MaskedLaunch.TakesLengths(plan))
        ? 0
        : (int)(plan.N * plan.S) + PositionMask.Padding;

    /// <summary>The same for the kernels, over memory for their mask, for as many weights and for what the samples weigh.</summary>
    public ValidPositions<T> Fill(in Plan plan, Span<byte> maskMemory, Span<T> weights, Span<SampleWeight> samples)
    {
        Span<byte> mask = maskMemory.IsEmpty ? maskMemory : maskMemory[..^PositionMask.Padding];
        int exponent = 0;
        if (!Lengths.IsEmpty)
            PositionMask.FromLengths(Lengths, plan.S, mask, samples);
        else if (!Mask.IsEmpty)
            PositionMask.FromBooleans(Mask, plan.S, mask, samples);
        else
            exponent = PositionMask.FromWeights(Weights, plan.S, mask, weights, samples);
        return new()
        {
            Lengths = Lengths,
            Mask = mask,
            Weights = AreOnes(samples) ? default : weights,
            Samples = samples,
            Exponent = exponent,
            KeepsInvalid = KeepsInvalid,
        };
    }

    private static bool AreOnes(ReadOnlySpan<SampleWeight> samples)
    {
        foreach (ref readonly SampleWeight sample in samples)
        {
            if (!sample.AreOnes)
                return false;
        }
        return true;
    }

    /// <summary>Throws if memory that is written overlaps what says which positions are valid.</summary>
    public void GuardApart<TWritten>(ReadOnlySpan<TWritten> written, string name) where TWritten : unmanaged
    {
        Guard.Apart(written, Lengths, name, nameof(Lengths));
        Guard.Apart(written, Mask, name, nameof(Mask));
        Guard.Apart(written, Weights, name, nameof(Weights));
    }
}
