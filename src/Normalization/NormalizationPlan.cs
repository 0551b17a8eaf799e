using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>
/// Says how a layer normalizes an input: which elements share statistics, which elements share a pair of coefficients γ and β, and how
/// the elements lie in memory. A layer makes one from the shape of its input.
/// </summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>plan</term><description>memory; who shares statistics; who shares coefficients</description></listheader>
/// <item><term><see cref="Batch(int, int, int)"/></term><description>[n, c, s]; a channel over the batch; a channel</description></item>
/// <item><term><see cref="Groups(int, int, int, int)"/></term><description>[n, c, s]; a group of channels of a sample; a
/// channel</description></item>
/// <item><term><see cref="Rows"/></term><description>[rows, width]; a row; a column</description></item>
/// <item><term><see cref="Windows"/></term><description>[n, c, s]; nobody, each element has a window; nobody</description></item>
/// <item><term><see cref="Positions"/></term><description>[n, c, s]; the channels at one position; a channel</description></item>
/// </list>
/// <para>
/// The first two have the channels last, [n, s, c], with <see cref="ChannelAxis.Last"/>; LayerNorm over the channels of such a tensor is
/// <c>Rows(n · s, c)</c>. A size of 0 is allowed and means that there is nothing to do.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// NormalizationPlan plan = NormalizationPlan.Groups(n: 2, c: 6, s: 16, groups: 3);
/// Console.WriteLine($"{plan.GroupCount} groups of {plan.ElementsPerGroup} elements, {plan.ParameterCount} values of γ");
/// </code>
/// </example>
public readonly struct NormalizationPlan
{
    // A field, because a property would be copied on each use.
    internal readonly Plan Plan;

    private NormalizationPlan(in Plan plan) => Plan = plan;

    /// <summary>Gets the number of groups of elements that have statistics of their own; 0 for windows, which keep none.</summary>
    public int GroupCount => Plan.StatisticsCount;

    /// <summary>Gets the number of elements of one group; the last virtual batch may have more.</summary>
    public long ElementsPerGroup => Plan.ElementsPerGroup;

    /// <summary>Gets the number of values that γ and β have, if they are there.</summary>
    public int ParameterCount => Plan.Parameters;

    /// <summary>As BatchNorm: the input is [n, c, s], each channel has statistics over the batch, and coefficients.</summary>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public static NormalizationPlan Batch(int n, int c, int s)
    {
        GuardSizes(n, c, s);
        return new(Plan.Batch(n, c, s));
    }

    /// <summary>As <see cref="Batch(int, int, int)"/>, of an input whose channels stand where the axis says.</summary>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="channelAxis">Whether the input is [n, c, s] or [n, s, c].</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or there is no such axis.</exception>
    public static NormalizationPlan Batch(int n, int c, int s, ChannelAxis channelAxis) => Batch(n, c, s).With(Guard.Axis(channelAxis));

    /// <summary>
    /// As GroupNorm: the input is [n, c, s], each group of c / groups neighboring channels of each sample has statistics, and each
    /// channel has coefficients. One group is LayerNorm with coefficients of channels, c groups are InstanceNorm.
    /// </summary>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or <paramref name="groups"/> is not positive.</exception>
    /// <exception cref="ArgumentException"><paramref name="c"/> is not divisible by <paramref name="groups"/>.</exception>
    public static NormalizationPlan Groups(int n, int c, int s, int groups)
    {
        GuardSizes(n, c, s);
        Guard.Positive(groups);
        if (c % groups != 0)
        {
            throw new ArgumentException(
                $"The number of channels must be divisible by the number of groups, got {c} channels and {groups} groups.", nameof(groups));
        }
        return new(Plan.ChannelGroups(n, c, s, groups));
    }

    /// <summary>As <see cref="Groups(int, int, int, int)"/>, of an input whose channels stand where the axis says.</summary>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="groups">The number of groups; divides c.</param>
    /// <param name="channelAxis">Whether the input is [n, c, s] or [n, s, c].</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, <paramref name="groups"/> is not positive, or there is no such
    /// axis.</exception>
    /// <exception cref="ArgumentException"><paramref name="c"/> is not divisible by <paramref name="groups"/>.</exception>
    public static NormalizationPlan Groups(int n, int c, int s, int groups, ChannelAxis channelAxis) =>
        Groups(n, c, s, groups).With(Guard.Axis(channelAxis));

    /// <summary>As LayerNorm and RmsNorm: the input is [rows, width], each row has statistics, and each column has coefficients.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="subtractMean">Whether the mean is subtracted; if not, the root mean square stands for the deviation, as in
    /// RmsNorm.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public static NormalizationPlan Rows(int rows, int width, bool subtractMean = true)
    {
        Guard.NotNegative(rows);
        Guard.NotNegative(width);
        return new(Plan.Rows(rows, width, subtractMean));
    }

    /// <summary>
    /// As LayerNorm over the channels of [N, C, H, W]: the input is [n, c, s], the c elements at each position of each sample have
    /// statistics, and each channel has coefficients.
    /// </summary>
    /// <remarks>
    /// The pass transposes its input to [n · s, c] in pooled memory, normalizes the rows and transposes the result back: the results have
    /// the bits of <see cref="Rows"/> on the transposed tensor, and the pass takes longer than one on a tensor with the channels last.
    /// </remarks>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The positions of one sample; 1 for [n, c].</param>
    /// <param name="subtractMean">Whether the mean is subtracted; if not, the root mean square stands for the deviation, as in
    /// RmsNorm.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public static NormalizationPlan Positions(int n, int c, int s, bool subtractMean = true)
    {
        GuardSizes(n, c, s);
        return new(Plan.Positions(n, c, s, subtractMean));
    }

    /// <summary>
    /// Gives this plan with statistics of pieces of the batch instead of the whole: virtual ("ghost") batches. Training uses them;
    /// evaluation without running statistics takes the whole batch.
    /// </summary>
    /// <remarks>
    /// Each piece has <paramref name="size"/> samples, and the last one also the remainder. A batch with fewer than two pieces stays whole.
    /// The groups are the channels of the first piece, then those of the second, and so on.
    /// </remarks>
    /// <param name="size">The samples of one piece; null for the whole batch.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive.</exception>
    /// <exception cref="InvalidOperationException">The plan is not one of <see cref="Batch(int, int, int)"/>.</exception>
    public NormalizationPlan InVirtualBatches(int? size)
    {
        if (size is not int samples)
            return this;
        Guard.Positive(samples, nameof(size));
        return Plan.Statistics == StatisticsSharing.Channel
            ? new(Plan.InPieces(samples))
            : throw new InvalidOperationException(
                $"Only a plan with statistics of channels over the batch has virtual batches, got: {this}.");
    }

    /// <summary>Gets the plan with statistics of the whole batch.</summary>
    internal NormalizationPlan WithoutPieces => new(Plan.WithoutPieces);

    /// <summary>
    /// As LocalResponseNorm: the input is [n, c, s], and each element is divided by a power of the squares of the channels around it:
    /// y = x / (k + alpha / size · Σ x²)^beta. There are no coefficients, and a pass keeps no statistics.
    /// </summary>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The positions of one sample; 1 for [n, c].</param>
    /// <param name="size">The channels of one window; at least 1. Channels that do not exist count as zeros.</param>
    /// <param name="alpha">What the mean square of a window is multiplied by; at least 0.</param>
    /// <param name="beta">The power, from 0 to 2.</param>
    /// <param name="k">What is added; greater than 0.</param>
    /// <param name="evenWindow">Where a window with an even number of channels has one channel more.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    public static NormalizationPlan Windows(
        int n, int c, int s, int size, double alpha, double beta, double k, EvenWindow evenWindow = EvenWindow.MoreBefore)
    {
        GuardSizes(n, c, s);
        Guard.Window(size, alpha, beta, k, evenWindow);
        int before = evenWindow == EvenWindow.MoreBefore ? size / 2 : (size - 1) / 2;
        return new(Plan.Windows(n, c, s, new(size, before, alpha, beta, k)));
    }

    /// <summary>Gives the plan as text: who shares statistics, who shares coefficients, and the sizes.</summary>
    /// <returns>The text, the same in every culture.</returns>
    public override string ToString() =>
        $"statistics of each {Plan.Statistics}, coefficients of each {Plan.Coefficients}, {Plan.Order} [{Plan.N}, {Plan.C}, {Plan.S}]"
        + (Plan.PieceSize == 0 ? "" : $", pieces of {Plan.PieceSize}");

    private NormalizationPlan With(ChannelAxis axis) => axis == ChannelAxis.Last ? new(Plan.WithChannelsLast) : this;

    private static void GuardSizes(int n, int c, int s)
    {
        Guard.NotNegative(n);
        Guard.NotNegative(c);
        Guard.NotNegative(s);
    }
}
