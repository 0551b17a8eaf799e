using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <summary>
/// Passes in which only some positions count. Channels that come last are brought before the positions, in pooled memory.
/// </summary>
internal static unsafe partial class MaskedLaunch
{
    private enum Step { Moments, Forward, Backward, Copy }

    /// <summary>The statistics of the valid positions; zeros for a group that has none.</summary>
    public static void Moments<T>(
        in Plan plan, ReadOnlySpan<T> x, double epsilon, in ValidPositions<T> positions, Span<GroupStatistics> statistics)
        where T : unmanaged
    {
        if (plan.Order == MemoryOrder.ChannelsLast)
        {
            using var first = new Scratch<T>(x.Length);
            Transposition.ToChannelsFirst(plan, x, first.Span);
            Moments(plan.WithChannelsFirst, first.Span, epsilon, positions, statistics);
            return;
        }
        Run(Step.Moments, new() { Plan = plan, Epsilon = epsilon }, x, default, default, default, default, statistics, positions);
    }

    /// <summary>Normalizes the valid positions, with statistics that are given unless they are those of groups with lengths.</summary>
    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in ValidPositions<T> positions,
        Span<T> y)
        where T : unmanaged
    {
        Run(
            Step.Forward,
            new() { Plan = plan, Epsilon = epsilon, HasFixedStatistics = hasFixedStatistics, ClearsInvalid = !positions.KeepsInvalid },
            x, default, weight, bias, y, statistics, positions);
    }

    /// <summary>
    /// The sums of each channel of each sample over its valid positions: Σ (dy - pivot) and Σ (dy - pivot) · x̂; and
    /// the gradient of the input, if it has memory. Where sums of all processes are given, it uses these.
    /// </summary>
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in ValidPositions<T> positions,
        Span<Sums> unitSums,
        Span<Sums> givenSums,
        double givenWeight,
        Span<T> dx)
        where T : unmanaged
    {
        MaskedOperands<T> operands = new()
        {
            Plan = plan,
            HasFixedStatistics = hasFixedStatistics,
            GivenWeight = Math.ScaleB(givenWeight, -positions.Exponent),
            ClearsInvalid = !positions.KeepsInvalid,
        };
        fixed (Sums* units = unitSums, given = givenSums)
        {
            operands.UnitSums = units;
            operands.GivenSums = given;
            Run(Step.Backward, operands, x, dy, weight, default, dx, statistics, positions);
        }
    }

    /// <summary>
    /// Copies the positions whose mask is set; the others keep what the output has, or become 0. Channels come before the positions.
    /// </summary>
    public static void Copy<T>(in Plan plan, ReadOnlySpan<T> source, bool keepsInvalid, in ValidPositions<T> positions, Span<T> y)
        where T : unmanaged
    {
        Run(Step.Copy, new() { Plan = plan, ClearsInvalid = !keepsInvalid }, source, default, default, default, y, default, positions);
    }

    /// <summary>
    /// Whether the slices of a channel are short, so that a pass runs down columns.
    /// </summary>
    public static bool AreColumns(in Plan plan) => plan.Statistics == StatisticsSharing.Channel && plan.S < Thresholds.ShortSlice;

    /// <summary>Whether slices are so long that all are gone over as far as they are valid, and lengths need no mask.</summary>
    public static bool TakesLengths(in Plan plan) => plan.S >= NarrowReduction.BlockLength && !AreColumns(plan);

    /// <summary>
    /// How many first positions of a sample are gone over without a mask: of short slices as many as a reduction has lanes. Short slices
    /// that are groups by themselves are faster with a mask, four at a time.
    /// </summary>
    private static nint ShortestPrefix(in Plan plan)
    {
        if (TakesLengths(plan))
            return 1;
        return AreColumns(plan) || plan.S < Thresholds.ShortUnit || plan.Groups == plan.C ? nint.MaxValue : ShortReduction.Lanes;
    }

    private static void Run<T>(
        Step step,
        MaskedOperands<T> operands,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<T> output,
        Span<GroupStatistics> statistics,
        in ValidPositions<T> positions)
        where T : unmanaged
    {
        fixed (T* px = x, pdy = dy, pw = weight, pb = bias, py = output, weights = positions.Weights)
        fixed (byte* mask = positions.Mask)
        fixed (GroupStatistics* ps = statistics)
        fixed (SampleWeight* samples = positions.Samples)
        {
            operands.Input = px;
            operands.OutputGradient = pdy;
            operands.Output = py;
            operands.Weight = pw;
            operands.Bias = pb;
            operands.Statistics = ps;
            operands.Mask = mask;
            operands.Weights = weights;
            operands.Samples = samples;
            operands.ShortestPrefix = ShortestPrefix(operands.Plan);
            switch (step)
            {
                case Step.Moments:
                    KernelSet<T>.Active.MaskedMoments(operands);
                    break;
                case Step.Forward:
                    KernelSet<T>.Active.MaskedForward(operands);
                    break;
                case Step.Copy:
                    KernelSet<T>.Active.MaskedCopy(operands);
                    break;
                default:
                    KernelSet<T>.Active.MaskedBackward(operands);
                    break;
            }
        }
    }
}
