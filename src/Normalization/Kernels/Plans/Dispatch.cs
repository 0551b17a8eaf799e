using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Coefficients = Normalization.Kernels.Plans.CoefficientSharing;
using Order = Normalization.Kernels.Plans.MemoryOrder;

namespace Normalization.Kernels.Plans;

/// <summary>The one list that decides which kernel runs, and how it works. The first line that fits is taken.</summary>
internal static class Dispatch
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Choose(in Plan plan, Direction direction, bool hasFixedStatistics, out Route route)
    {
        (nint n, nint c, nint s, nint groups) = (plan.N, plan.C, plan.S, plan.Groups);
        bool isDense = plan.Stride == c * s, isForward = direction == Direction.Forward;
        switch (plan.Statistics, plan.Coefficients, plan.Order, hasFixedStatistics)
        {
            case var _ when !isDense:
                throw Refusal(plan, direction, hasFixedStatistics);

            // With fixed statistics dx = r · γ · dy, which is a forward pass about a mean of 0. This pass needs neither x nor sums.
            case (_, _, _, true) when direction == Direction.InputGradient:
                Choose(plan, Direction.Forward, hasFixedStatistics, out route);
                break;

            // BatchNorm with the channels last: every position is a row of channels.
            case (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsLast, _):
                Choose(plan.PositionsAsSamples, direction, hasFixedStatistics, out route);
                break;

            // BatchNorm: many short slices are treated as columns. With fixed statistics a tile needs no accumulators, so it is wider.
            case (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, true)
                when isForward && Thresholds.AreShortFixedSlices(s, n * c * s):
                Columns(direction, new ColumnLayout(n, c, s, Thresholds.FixedTileColumns), out route);
                break;
            case (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, _)
                when Thresholds.AreShortSlices(n, s) && !(isForward && hasFixedStatistics):
                Columns(direction, plan, out route);
                break;
            case (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, true):
                Slices(direction, GroupLayout.FixedBatch(n, c, s), out route);
                break;
            case (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, false):
                Slices(direction, GroupLayout.Batch(n, c, s), out route);
                break;

            // GroupNorm and InstanceNorm: without coefficients a group is one slice. Where the slice of one weight is too short for a
            // kernel, the weights are repeated for each element.
            case (StatisticsSharing.ChannelGroup, Coefficients.None, Order.ChannelsFirst, false):
                Slices(direction, GroupLayout.Rows(n * groups, c / groups * s, groups, isElementwise: false), out route);
                break;
            case (StatisticsSharing.ChannelGroup, Coefficients.Channel, Order.ChannelsFirst, false)
                when groups < c && s < Thresholds.ShortUnit && (long)c * s <= Thresholds.MostExpandedWeights:
                Rows(direction, GroupLayout.Rows(n * groups, c / groups * s, groups, isElementwise: true), repetition: s, out route);
                break;
            case (StatisticsSharing.ChannelGroup, Coefficients.Channel, Order.ChannelsFirst, false):
                Slices(direction, GroupLayout.ChannelGroups(n, c, s, groups), out route);
                break;

            // The same with the channels last: each sample has columns of its own.
            case (StatisticsSharing.ChannelGroup, Coefficients.None or Coefficients.Channel, Order.ChannelsLast, false):
                Columns(direction, ColumnLayout.OfSamples(n, s, c, groups), out route, Family.SampleColumns);
                break;

            // LayerNorm and RmsNorm.
            case (StatisticsSharing.Row, Coefficients.None, Order.Rows, false):
                Slices(direction, GroupLayout.Rows(n, s, 1, isElementwise: false), out route);
                break;
            case (StatisticsSharing.Row, Coefficients.Element, Order.Rows, false):
                Rows(direction, GroupLayout.Rows(n, s, 1, isElementwise: true), repetition: 1, out route);
                break;

            // The channels of a position lie far apart: they become rows.
            case (StatisticsSharing.Position, Coefficients.None, Order.ChannelsFirst, false):
                Choose(plan.Transposed with { Coefficients = Coefficients.None }, direction, hasFixedStatistics, out route);
                route.IsTransposed = true;
                break;
            case (StatisticsSharing.Position, Coefficients.Channel, Order.ChannelsFirst, false):
                Choose(plan.Transposed, direction, hasFixedStatistics, out route);
                route.IsTransposed = true;
                break;

            // LocalResponseNorm: tiles of positions with all channels.
            case (StatisticsSharing.Window, Coefficients.None, Order.ChannelsFirst, false):
                Begin(direction, Family.Windows, out route);
                route.Windows = new(n, c, s, isForward ? Thresholds.WindowRow : Thresholds.WindowGradientRow, plan.Window);
                break;

            default:
                throw Refusal(plan, direction, hasFixedStatistics);
        }
    }

    /// <summary>
    /// The same for the passes of second order, which know slices and rows: a channel of short slices becomes one slice of the transposed
    /// tensor.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ChooseSecondOrder(in Plan plan, out Route route)
    {
        (nint n, nint c, nint s) = (plan.N, plan.C, plan.S);
        switch (plan.Statistics)
        {
            case StatisticsSharing.Window:
                throw Refusal(plan, Direction.SecondOrder, hasFixedStatistics: false);
            case StatisticsSharing.Channel when s < Thresholds.ShortUnit:
                Slices(Direction.SecondOrder, GroupLayout.Batch(1, c, n * s), out route);
                route.IsTransposed = true;
                break;
            case StatisticsSharing.Channel:
                Slices(Direction.SecondOrder, GroupLayout.Batch(n, c, s), out route);
                break;
            default:
                Choose(plan, Direction.Backward, hasFixedStatistics: false, out route);
                route.Direction = Direction.SecondOrder;
                break;
        }
    }

    /// <summary>BatchNorm with slices as columns.</summary>
    public static void Columns(Direction direction, in Plan plan, out Route route) =>
        Columns(direction, new ColumnLayout(plan.N, plan.C, plan.S, Thresholds.TileColumns), out route);

    // The rows of a tile of middle width lie about a page apart, and are written one by one.
    private static void Columns(Direction direction, in ColumnLayout layout, out Route route, Family family = Family.Columns)
    {
        Begin(direction, family, out route);
        route.Columns = layout;
        route.RowsAtOnce =
            layout.Tile(0).Columns is < Thresholds.WideTile or > Thresholds.TileColumns ? Thresholds.RowsAtOnce : 1;
    }

    private static void Slices(Direction direction, in GroupLayout layout, out Route route)
    {
        Begin(direction, Family.Slices, out route);
        route.Groups = layout;
    }

    // Rows of several segments that share their weights are written four at a time, so that each segment of the weights is read once for
    // four rows.
    private static void Rows(Direction direction, in GroupLayout layout, nint repetition, out Route route)
    {
        bool areWhole = direction == Direction.Forward
            || !Thresholds.IsLongRow(layout.Groups / layout.CoefficientPeriod, layout.Coefficients);
        Begin(direction, areWhole ? Family.Rows : Family.LongRows, out route);
        route.Groups = layout;
        route.RowsAtOnce = layout.SharesWeights && layout.Unit.Segments > 1 ? Thresholds.RowsAtOnce : 1;
        route.Repetition = repetition;
    }

    // A route is filled where it is needed, because copies of it would cost more than a short row.
    private static void Begin(Direction direction, Family family, out Route route) =>
        route = new() { Direction = direction, Family = family, RowsAtOnce = 1, Repetition = 1 };

    private static NotSupportedException Refusal(in Plan plan, Direction direction, bool hasFixedStatistics) => new(
        $"No kernel covers {direction} with statistics of each {plan.Statistics}{(hasFixedStatistics ? ", which are fixed" : "")}, "
        + $"coefficients of each {plan.Coefficients}, and {plan.Order} in memory with a stride of {plan.Stride}.");
}
