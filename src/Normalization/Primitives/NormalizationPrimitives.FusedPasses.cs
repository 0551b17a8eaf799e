using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <content>From checked terms to the kernels.</content>
public static partial class NormalizationPrimitives
{
    private static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in ForwardTerms<T> terms,
        Activation activation,
        Span<T> y)
        where T : unmanaged
    {
        FusedTerms<T> fused = FusedGuard.Fuse(terms, activation);
        GivenPositions<T> given = terms.Positions;
        if (!given.IsAny)
        {
            FusedLaunch.Forward(
                plan, x, terms.Residual, terms.Sum.IsEmpty ? y : terms.Sum, weight, bias, epsilon, statistics, hasFixedStatistics, fused,
                y);
            return;
        }
        using Scratch<byte> mask = new(given.MaskRoom(plan));
        using Scratch<T> weights = new(given.Weights.Length);
        using Scratch<SampleWeight> samples = new(plan.N);
        ValidPositions<T> positions = given.Fill(plan, mask.Span, weights.Span, samples.Span);
        Span<GroupStatistics> own = Needed(plan, statistics, hasFixedStatistics, positions);
        if (own.IsEmpty)
            statistics.Clear();
        MaskedLaunch.Forward(
            plan, x, terms.Residual, terms.Sum, weight, bias, epsilon, own, hasFixedStatistics, fused, positions, y);
    }

    private static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in BackwardTerms<T> terms,
        Activation activation,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        FusedTerms<T> fused = FusedGuard.Fuse(terms, activation);
        FusedGradients<T> gradients = new() { Skip = terms.SkipGradient, Scale = terms.ScaleGradient, Shift = terms.ShiftGradient };
        GivenPositions<T> given = terms.Positions;
        if (!given.IsAny || plan.Elements == 0)
        {
            FusedLaunch.Backward(
                plan, x, dy, weight, bias, epsilon: 0, statistics, hasFixedStatistics, fused, gradients, terms.SumGradient, dx,
                weightGradient, biasGradient);
            return;
        }
        using Scratch<byte> mask = new(given.MaskRoom(plan));
        using Scratch<T> weights = new(given.Weights.Length);
        using Scratch<SampleWeight> samples = new(plan.N);
        ValidPositions<T> positions = given.Fill(plan, mask.Span, weights.Span, samples.Span);
        MaskedLaunch.Backward(
            plan, x, dy, weight, bias, epsilon: 0, Needed(plan, statistics, hasFixedStatistics, positions), hasFixedStatistics, fused,
            gradients, terms.SumGradient, positions, dx, weightGradient, biasGradient);
    }

    /// <summary>The statistics; none of channels without a valid element.</summary>
    private static Span<GroupStatistics> Needed<T>(
        in Plan plan, Span<GroupStatistics> statistics, bool hasFixedStatistics, scoped in ValidPositions<T> positions)
        where T : unmanaged =>
        plan.Statistics == StatisticsSharing.Channel && !hasFixedStatistics && positions.Total(plan.S).Count == 0 ? default : statistics;

    /// <summary>Throws if the valid values of a channel over the batch are one.</summary>
    private static void GuardValidValues<T>(in Plan plan, in ForwardTerms<T> terms) where T : unmanaged
    {
        GivenPositions<T> given = terms.Positions;
        if (!given.IsAny || plan.Statistics != StatisticsSharing.Channel)
            return;
        using Scratch<byte> mask = new(given.MaskRoom(plan));
        using Scratch<T> weights = new(given.Weights.Length);
        using Scratch<SampleWeight> samples = new(plan.N);
        SampleWeight all = given.Fill(plan, mask.Span, weights.Span, samples.Span).Total(plan.S);
        if (all.Count > 0 && all.Effective <= 1)
            throw new ArgumentException("BatchNorm in training needs more than one valid value per channel: their variance would be 0.");
    }

    private static void GuardTerms<T>(Span<double> statistics, string name, in ForwardTerms<T> terms) where T : unmanaged
    {
        GuardWritten<double, T>(statistics, name, terms.Residual, terms.Sum, terms.Skip, terms.Scale);
        GuardWritten<double, T>(statistics, name, terms.Shift, default);
    }

    private static void GuardSaved<T>(
        ReadOnlySpan<T> written, string name, ReadOnlySpan<double> mean, ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged
        => GuardWritten(written, name, mean, inverseStandardDeviation);
}
