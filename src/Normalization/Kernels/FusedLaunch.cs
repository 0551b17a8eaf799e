using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>
/// Passes with something before the norm or behind it. They go from samples to samples, as many as the cache holds, and every step has
/// the bits that it has alone.
/// </summary>
internal static unsafe partial class FusedLaunch
{
    /// <summary>
    /// Normalizes <paramref name="x"/>, or, where there is a residual, x + residual, which is written to <paramref name="sum"/>; and does
    /// what follows the norm.
    /// </summary>
    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> residual,
        Span<T> sum,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        Span<T> y)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        if (residual.IsEmpty && !terms.IsAny)
        {
            Launch.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, y);
            return;
        }
        ForwardFused(plan, x, residual, sum, weight, bias, epsilon, statistics, hasFixedStatistics, terms, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ForwardFused<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> residual,
        Span<T> sum,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        Span<T> y)
        where T : unmanaged
    {
        for (int i = 0; plan.PieceSize > 0 && i < plan.PieceCount; i++)
        {
            SampleRange piece = SampleRange.OfPiece(plan, i);
            Forward(
                piece.Plan, piece.Of(x), piece.OfOptional(residual), piece.Of(sum), weight, bias, epsilon, Pieces.Of(plan, i, statistics),
                hasFixedStatistics, terms.Part(plan, piece.First, piece.Count), piece.Of(y));
        }
        if (plan.PieceSize > 0)
            return;
        // The statistics of a channel need all samples.
        bool fitsNorm = terms.FitsForward(plan), isWhole = plan.Statistics == StatisticsSharing.Channel && !hasFixedStatistics;
        bool isAddedByNorm = !residual.IsEmpty && fitsNorm && !isWhole && IsAddedByNorm<T>(plan);
        nint step = isWhole || (fitsNorm && (residual.IsEmpty || isAddedByNorm)) ? plan.N : Step(plan, terms);
        for (nint first = 0; first < plan.N; first += step)
        {
            var part = new SampleRange(plan, first, Math.Min(step, plan.N - first));
            ReadOnlySpan<T> source = part.Of(x);
            if (!residual.IsEmpty && !isAddedByNorm)
            {
                Add(source, part.Of(residual), part.Of(sum));
                source = part.Of(sum);
            }
            FusedTerms<T> own = terms.Part(plan, first, part.Count);
            if (isAddedByNorm || (fitsNorm && terms.IsAny))
            {
                ReadOnlySpan<T> added = isAddedByNorm ? part.Of(residual) : default;
                Normalize(
                    part.Plan, source, added, part.Of(sum), default, weight, bias, epsilon, part.Of(statistics), hasFixedStatistics, own,
                    part.Of(y));
                continue;
            }
            Launch.Forward(part.Plan, source, weight, bias, epsilon, part.Of(statistics), hasFixedStatistics, part.Of(y));
            if (terms.IsAny)
                Epilogue(part.Plan, part.Of(y), own, part.Of(y));
        }
    }

    /// <summary>
    /// Goes backward through what follows the norm, whose result it computes again from <paramref name="x"/> and the statistics. Returns
    /// the gradient of that result, which it writes to <paramref name="gradient"/> or, where it is the same, to that of the skip.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static ReadOnlySpan<T> EpilogueBackward<T>(
        scoped in Plan plan,
        scoped ReadOnlySpan<T> x,
        scoped ReadOnlySpan<T> dy,
        scoped ReadOnlySpan<T> weight,
        scoped ReadOnlySpan<T> bias,
        double epsilon,
        scoped Span<GroupStatistics> statistics,
        scoped in FusedTerms<T> terms,
        scoped in FusedGradients<T> gradients,
        Span<T> gradient)
        where T : unmanaged
    {
        if (plan.Elements == 0)
        {
            gradients.Scale.Clear();
            gradients.Shift.Clear();
            return gradient;
        }
        for (int i = 0; plan.PieceSize > 0 && i < plan.PieceCount; i++)
        {
            SampleRange piece = SampleRange.OfPiece(plan, i);
            EpilogueBackward(
                piece.Plan, piece.Of(x), piece.Of(dy), weight, bias, epsilon, Pieces.Of(plan, i, statistics),
                terms.Part(plan, piece.First, piece.Count), gradients.Part(plan, 1, piece.First, piece.Count), piece.Of(gradient));
        }
        if (plan.PieceSize > 0)
            return terms.FitsNorm(plan) && !gradients.Skip.IsEmpty ? gradients.Skip : gradient;
        if (terms.FitsNorm(plan))
        {
            Span<T> back = gradients.Skip.IsEmpty ? gradient : gradients.Skip;
            Normalize(plan, x, default, default, dy, weight, bias, epsilon, statistics, hasFixedStatistics: true, terms, back);
            return back;
        }
        nint step = Math.Min(plan.N, Step(plan, terms)), atOnce = terms.SamplesAtOnce(plan);
        using var scratch = new Scratch<T>(step * plan.C * plan.S);
        for (nint first = 0; first < plan.N; first += step)
        {
            var part = new SampleRange(plan, first, Math.Min(step, plan.N - first));
            Span<T> normalized = scratch.Span[..(int)part.Elements];
            Launch.Forward(
                part.Plan, part.Of(x), weight, bias, epsilon, part.Of(statistics), hasFixedStatistics: true, normalized);
            EpilogueBackward(
                part.Plan, normalized, part.Of(dy), terms.Part(plan, first, part.Count), gradients.Part(plan, atOnce, first, part.Count),
                part.Of(gradient));
        }
        return gradient;
    }

    /// <summary>
    /// Writes the gradients of what follows the norm, once the gradient of the norm's result is there.
    /// </summary>
    public static void WriteGradients<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> gradient,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients)
        where T : unmanaged
    {
        if (!terms.FitsNorm(plan))
            EpilogueBackward(plan, x, dy, weight, bias, epsilon, statistics, terms, gradients, default);
        else if (!gradients.Skip.IsEmpty)
            gradient.CopyTo(gradients.Skip);
    }

    /// <summary>
    /// The gradient of the input, to which <paramref name="sumGradient"/> is added; the gradients of what follows the norm; and one more
    /// term in the gradients of the parameters.
    /// </summary>
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        in FusedGradients<T> gradients,
        ReadOnlySpan<T> sumGradient,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        // What is added at the end must not be overwritten before.
        bool isApart = !RawMemory.Overlap<T, T>(dx, sumGradient);
        using Scratch<T> scratch = isApart ? default : new(dx.Length);
        Span<T> gradient = isApart ? dx : scratch.Span;
        bool hasGradients = !(weightGradient.IsEmpty && biasGradient.IsEmpty);
        bool isInPass = gradients.Skip.IsEmpty
            && TakesActivation(plan, !weight.IsEmpty, hasGradients, hasFixedStatistics, terms);
        using Scratch<double> bounds = gradients.Skip.IsEmpty && !isInPass
            ? FindReluBounds(plan, weight, bias, statistics, hasFixedStatistics, terms, hasGradients)
            : default;
        bool isChangedBefore = terms.ChangesGradient && !isInPass && bounds.Span.IsEmpty;
        if (isChangedBefore)
            dy = EpilogueBackward(plan, x, dy, weight, bias, epsilon, statistics, terms, gradients, gradient);
        else if (!gradients.Skip.IsEmpty)
            dy.CopyTo(gradients.Skip);
        Launch.Backward(
            plan, x, dy, weight, statistics, hasFixedStatistics, gradient, weightGradient, biasGradient,
            isInPass ? terms : default, isInPass ? bias : default, bounds.Span);
        if (!sumGradient.IsEmpty)
            Add(gradient, sumGradient, dx);
    }

    /// <summary>
    /// Whether the backward pass takes dy through the activation itself, a few rows at a time, with the coefficients of the forward pass:
    /// those of rows that share weights, unless the tensors leave the caches.
    /// </summary>
    private static bool TakesActivation<T>(
        in Plan plan, bool hasWeight, bool hasGradients, bool hasFixedStatistics, in FusedTerms<T> terms)
        where T : unmanaged
    {
        bool fits = terms.ActivationKind != ActivationKind.None && terms.FitsNorm(plan) && plan.PieceSize == 0 && plan.Elements > 0;
        if (!fits || !(hasWeight || hasGradients) || Thresholds.IsStreamed(3 * plan.Elements * sizeof(T), nint.MaxValue))
            return false;
        Direction direction = hasGradients ? Direction.Backward : Direction.InputGradient;
        Dispatch.Choose(plan, direction, hasFixedStatistics, out Route route);
        return route.Family == Family.Rows && route.Groups.SharesWeights && IsDoneByGroups<T>(route);
    }

    /// <summary>Whether the pass of the norm can add a residual: each thread normalizes what it has added.</summary>
    private static bool IsAddedByNorm<T>(in Plan plan) where T : unmanaged
    {
        Dispatch.Choose(plan, Direction.Forward, plan.Statistics == StatisticsSharing.Channel, out Route route);
        return IsDoneByGroups<T>(route);
    }

    /// <summary>Whether each thread can do all steps of a few neighboring groups, of which there must be some for each.</summary>
    private static bool IsDoneByGroups<T>(in Route route) where T : unmanaged
    {
        if (route.Family is not (Family.Slices or Family.Rows) || route.IsTransposed || route.Groups.Group.Slices > 1)
            return false;
        nint bytes = route.Groups.GroupStride * sizeof(T);
        return bytes <= Thresholds.LargestSum
            && route.Groups.Groups >= Partition.DegreeFor(route.Groups.Groups * bytes) * Thresholds.ChunksPerThread;
    }

    /// <summary>How many samples go together: those that share a scale do.</summary>
    private static nint Step<T>(in Plan plan, in FusedTerms<T> terms) where T : unmanaged
    {
        nint atOnce = terms.SamplesAtOnce(plan), bytes = Math.Max(1, atOnce * plan.C * plan.S * sizeof(T));
        return Math.Max(1, Thresholds.FusedBytes / bytes) * atOnce;
    }

    /// <summary>Some samples, or rows, of a plan.</summary>
    private readonly ref struct SampleRange
    {
        private readonly nint _elementsPerSample;
        private readonly nint _groupsPerSample;

        public SampleRange(scoped in Plan whole, nint first, nint count)
        {
            First = first;
            Count = count;
            Plan = whole with { N = count };
            _elementsPerSample = whole.C * whole.S;
            _groupsPerSample = whole.Statistics == StatisticsSharing.Channel ? 0 : whole.StatisticsCount / whole.N;
        }

        public Plan Plan { get; }

        public nint First { get; }

        public nint Count { get; }

        public nint Elements => Count * _elementsPerSample;

        public ReadOnlySpan<T> Of<T>(ReadOnlySpan<T> span) where T : unmanaged =>
            span.Slice((int)(First * _elementsPerSample), (int)Elements);

        /// <summary>One piece of a batch whose pieces have statistics of their own.</summary>
        public static SampleRange OfPiece(scoped in Plan whole, int index) =>
            new(whole.WithoutPieces, index * whole.PieceSize, whole.Piece(index).N);

        /// <summary>The elements of these samples; none of what is not there.</summary>
        public ReadOnlySpan<T> OfOptional<T>(ReadOnlySpan<T> span) where T : unmanaged => span.IsEmpty ? span : Of(span);

        /// <summary>The elements of these samples; none of what is not wanted.</summary>
        public Span<T> Of<T>(Span<T> span) where T : unmanaged =>
            span.IsEmpty ? span : span.Slice((int)(First * _elementsPerSample), (int)Elements);

        public Span<GroupStatistics> Of(Span<GroupStatistics> statistics) => _groupsPerSample == 0
            ? statistics
            : statistics.Slice((int)(First * _groupsPerSample), (int)(Count * _groupsPerSample));
    }
}
