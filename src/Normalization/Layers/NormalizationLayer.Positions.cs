using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <content>Passes in which only some positions count.</content>
public abstract partial class NormalizationLayer<T>
{
    /// <summary>Throws unless the weights have the shape that the input asks for.</summary>
    private static void GuardWeights(in Plan plan, ReadOnlySpan<int> shape, Tensor<T>? weights)
    {
        if (weights is null || plan.Order == MemoryOrder.Rows)
            return;
        ReadOnlySpan<int> given = weights.Shape;
        bool fits = given.SequenceEqual([(int)plan.N, (int)plan.S]) || (plan.S == 1 && given.SequenceEqual([(int)plan.N]))
            || (shape.Length > 2 && given.Length == shape.Length - 1 && given[0] == shape[0] && given[1..].SequenceEqual(shape[2..]));
        if (!fits)
            throw new ArgumentException($"expected Weights [{plan.N}, {plan.S}], got {Shape.Format(given)}", nameof(weights));
    }

    private void NormalizeMasked(in ForwardPass<T> pass, in Plan plan, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
    {
        ref readonly PassMode<T> mode = ref pass.Mode;
        ForwardContext<T>? context = pass.Context;
        if (mode.IsRecomputation)
        {
            NormalizeMasked(pass, plan, weight, bias, context!.Statistics, hasFixedStatistics: true, context.Positions);
            return;
        }
        GivenPositions<T> given = pass.Terms.Positions;
        using Scratch<byte> mask = new(context is null ? given.MaskRoom(plan) : 0);
        using Scratch<T> weights = new(context is null ? given.Weights.Length : 0);
        using Scratch<SampleWeight> samples = new(context is null ? plan.N : 0);
        using Scratch<GroupStatistics> pooled = new(context is null ? plan.StatisticsCount : 0);
        Span<GroupStatistics> statistics = context is null ? pooled.Span : context.Reserve(pass.Shape.Length, plan.StatisticsCount);
        ValidPositions<T> positions =
            context is null ? given.Fill(plan, mask.Span, weights.Span, samples.Span) : context.ReservePositions(plan, given);
        bool areChannels = plan.Statistics == StatisticsSharing.Channel;
        SampleWeight all = positions.Total(plan.S);
        double elements = Math.ScaleB(all.Sum, positions.Exponent), effective = all.Effective;
        if (!mode.HasFixedStatistics)
            GuardValid(plan, mode, positions);
        bool hasStatistics = mode.HasFixedStatistics;
        if (mode.Fixed is FixedStatistics<T> constant)
        {
            RunningStatistics.Fix<T>(constant.Mean.Span, constant.Variance.Span, Epsilon, statistics);
        }
        else if (mode.Ranks is not null)
        {
            using Scratch<T> sum = pass.Terms.Residual.IsEmpty ? default : new(pass.Input.Length);
            if (!sum.Span.IsEmpty)
                FusedLaunch.Add(pass.Input, pass.Terms.Residual, sum.Span);
            MaskedLaunch.Moments(
                plan with { HasExactStatistics = true }, sum.Span.IsEmpty ? pass.Input : sum.Span, Epsilon, positions, statistics);
            double squares = Math.ScaleB(all.Squares, 2 * positions.Exponent);
            (elements, effective) = mode.Ranks.MergeMoments<T>(statistics, elements, squares, Epsilon);
            GuardEffective(elements, effective, "ranks");
            hasStatistics = true;
        }
        if (areChannels && elements == 0 && !mode.HasFixedStatistics)
            statistics = default;
        NormalizeMasked(pass, plan, weight, bias, statistics, hasStatistics, positions);
        if (areChannels)
            Follow(mode, new(statistics, elements, effective));
        else
            FollowSamples(mode, plan, statistics, positions);
        context?.Remember(this, plan, pass, statistics.Length, elements);
    }

    private void NormalizeMasked(
        in ForwardPass<T> pass,
        in Plan plan,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in ValidPositions<T> positions) =>
        MaskedLaunch.Forward(
            plan, pass.Input, pass.Terms.Residual, pass.Terms.Sum, weight, bias, Epsilon, statistics, hasFixedStatistics,
            FusedGuard.Fuse(pass.Terms, Activation), positions, pass.Output);

    /// <summary>Throws if the variance of valid positions would be 0 where the layer needs one.</summary>
    private void GuardValid(in Plan plan, in PassMode<T> mode, in ValidPositions<T> positions)
    {
        SampleWeight all = positions.Total(plan.S);
        bool areChannels = plan.Statistics == StatisticsSharing.Channel;
        if (mode.Observer is not null && (!areChannels || all.Sum != all.Count || all.Squares != all.Count))
        {
            throw new NotSupportedException(
                "A recalibration counts values, which Weights do not, and takes samples of one size in InstanceNorm. Use Lengths or a Mask "
                    + "with a BatchNorm.");
        }
        if (areChannels && mode.Ranks is null)
        {
            if (all.Count > 0 && all.Effective <= 1)
            {
                throw Guard.InputError(
                    "Batch statistics need more than one valid value per channel, and there is one: the variance would be 0. Use a larger "
                        + "batch, or the running statistics by Eval() or UseRunningStatistics.");
            }
        }
        else if (this is RunningStatisticsLayer<T> && plan.Groups == plan.C)
        {
            for (int i = 0; i < positions.Samples.Length; i++)
            {
                if (positions.Samples[i].Count > 0 && positions.Samples[i].Effective <= 1)
                {
                    throw Guard.InputError(
                        $"Instance statistics need more than one valid value per channel and sample, and sample {i} has one: the variance "
                            + "would be 0. A sample may also have none.");
                }
            }
        }
    }

    /// <summary>Throws if all ranks together, or all parts of a batch, have one value in each channel.</summary>
    private static void GuardEffective(double elements, double effective, string all)
    {
        if (elements > 0 && effective <= 1)
        {
            throw Guard.InputError(
                $"Batch statistics need more than one value per channel, and all {all} together have one: the variance would be 0. Use a "
                    + "larger batch, or the running statistics by Eval() or UseRunningStatistics.");
        }
    }

    /// <summary>Hands on the statistics of the samples that have valid positions.</summary>
    private void FollowSamples(
        in PassMode<T> mode, in Plan plan, ReadOnlySpan<GroupStatistics> statistics, in ValidPositions<T> positions)
    {
        if (!mode.MovesRunningStatistics)
            return;
        int groups = (int)plan.Groups, valid = 0;
        double most = 0;
        using Scratch<GroupStatistics> kept = new(statistics.Length);
        using Scratch<double> effective = new(plan.N);
        for (int i = 0; i < positions.Samples.Length; i++)
        {
            SampleWeight sample = positions.Samples[i].In(plan.C / plan.Groups);
            if (sample.Count == 0)
                continue;
            statistics.Slice(i * groups, groups).CopyTo(kept.Span[(valid * groups)..]);
            most = Math.Max(most, Math.ScaleB(sample.Sum, positions.Exponent));
            effective.Span[valid++] = sample.Effective;
        }
        Follow(mode, new(kept.Span[..(valid * groups)], most, effective.Span[..valid]));
    }

    private void DifferentiateMasked(
        in BackwardPass<T> pass,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients,
        ReadOnlySpan<T> weight,
        Span<T> weightGradient,
        Span<T> biasGradient)
    {
        ForwardContext<T> context = pass.Context;
        if (context.Ranks is not null)
        {
            DifferentiateMaskedTogether(pass, terms, gradients, weight, weightGradient, biasGradient);
            return;
        }
        MaskedLaunch.Backward(
            context.Plan, pass.Input, pass.OutputGradient, weight, ValueOf(Bias), Epsilon, context.Statistics, context.HasFixedStatistics,
            terms, gradients, pass.Terms.SumGradient, context.Positions, pass.InputGradient, weightGradient, biasGradient);
    }

    /// <summary>The same with the sums of all ranks. Nothing is written before the ranks have agreed.</summary>
    private void DifferentiateMaskedTogether(
        in BackwardPass<T> pass,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients,
        ReadOnlySpan<T> weight,
        Span<T> weightGradient,
        Span<T> biasGradient)
    {
        ForwardContext<T> context = pass.Context;
        Plan plan = context.Plan with { HasExactStatistics = true };
        Span<GroupStatistics> statistics = context.Statistics;
        ValidPositions<T> positions = context.Positions, everywhere = positions with { KeepsInvalid = false };
        ReadOnlySpan<T> x = pass.Input, bias = ValueOf(Bias);
        using Scratch<T> changed = new(terms.ChangesGradient ? x.Length : 0), result = new(x.Length);
        using Scratch<Sums> sums = new(MaskedLaunch.SumCount(plan)), channels = new(2 * plan.C);
        Span<Sums> units = sums.Span, own = channels.Span[..(int)plan.C], total = channels.Span[(int)plan.C..];
        ReadOnlySpan<T> gradient = MaskedLaunch.EpilogueBackward(
            plan, x, pass.OutputGradient, weight, bias, Epsilon, statistics, terms, default, positions, changed.Span);
        units.Clear();
        if (!statistics.IsEmpty)
            MaskedLaunch.Gradient(plan, x, gradient, weight, statistics, false, everywhere, true, units, default, 0, default);
        MaskedLaunch.AddUnits(plan, units, own);
        context.Ranks!.AddSums(own, total, context.ElementsPerGroup);
        if (gradients.IsAny)
        {
            MaskedLaunch.EpilogueBackward(
                plan, x, pass.OutputGradient, weight, bias, Epsilon, statistics, terms, gradients, positions, changed.Span);
        }
        result.Span.Clear();
        if (!statistics.IsEmpty)
        {
            MaskedLaunch.Gradient(
                plan, x, gradient, weight, statistics, false, everywhere, false, units, total, context.ElementsPerGroup, result.Span);
        }
        MaskedLaunch.AddParameterGradients(plan, positions, units, weightGradient, biasGradient);
        MaskedLaunch.Finish(plan, result.Span, pass.Terms.SumGradient, positions, pass.InputGradient);
    }
}
