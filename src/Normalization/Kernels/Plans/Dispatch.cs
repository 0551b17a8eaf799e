using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Coefficients = Normalization.Kernels.Plans.CoefficientSharing;
using Order = Normalization.Kernels.Plans.MemoryOrder;

namespace Normalization.Kernels.Plans;

/// <summary>The one list that decides which kernel runs, and how it works. The first line that fits is taken.</summary>
internal static class Dispatch
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Route Choose(in Plan plan, Direction direction, bool hasFixedStatistics)
    {
        (nint n, nint c, nint s, nint groups) = (plan.N, plan.C, plan.S, plan.Groups);
        bool isDense = plan.Stride == c * s, isForward = direction == Direction.Forward;
        return (plan.Statistics, plan.Coefficients, plan.Order, hasFixedStatistics) switch
        {
            _ when !isDense => throw Refusal(plan, direction, hasFixedStatistics),

            // With fixed statistics dx = r · γ · dy, which is a forward pass about a mean of 0. This pass needs neither x nor sums.
            (_, _, _, true) when direction == Direction.InputGradient => Choose(plan, Direction.Forward, hasFixedStatistics),

            // BatchNorm with the channels last: every position is a row of channels.
            (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsLast, _) =>
                Choose(plan.PositionsAsSamples, direction, hasFixedStatistics),

            // BatchNorm: short slices are treated as columns. With fixed statistics a tile needs no accumulators, so it is wider.
            (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, true)
                when s < Thresholds.ShortSlice && isForward =>
                Columns(direction, new(n, c, s, Thresholds.FixedTileColumns)),
            (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, _) when s < Thresholds.ShortSlice =>
                Columns(direction, new(n, c, s, Thresholds.TileColumns)),
            (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, Order.ChannelsFirst, true) =>
                Slices(direction, GroupLayout.FixedBatch(n, c, s)),
            (StatisticsSharing.Channel, Coefficients.None or Coefficients.Channel, MemoryOrder.ChannelsFirst, false) =>
                Slices(direction, GroupLayout.Batch(n, c, s)),

            // GroupNorm and InstanceNorm: without coefficients a group is one slice. Where the slice of one weight is too short for a
            // kernel, the weights are repeated for each element.
            (StatisticsSharing.ChannelGroup, Coefficients.None, MemoryOrder.ChannelsFirst, false) =>
                Slices(direction, GroupLayout.Rows(n * groups, c / groups * s, groups, isElementwise: false)),
            (StatisticsSharing.ChannelGroup, Coefficients.Channel, Order.ChannelsFirst, false)
                when groups < c && s < Thresholds.ShortUnit && (long)c * s <= Thresholds.MostExpandedWeights =>
                Rows(direction, GroupLayout.Rows(n * groups, c / groups * s, groups, isElementwise: true), repetition: s),
            (StatisticsSharing.ChannelGroup, Coefficients.Channel, MemoryOrder.ChannelsFirst, false) =>
                Slices(direction, GroupLayout.ChannelGroups(n, c, s, groups)),

            // The same with the channels last: each sample has columns of its own.
            (StatisticsSharing.ChannelGroup, Coefficients.None or Coefficients.Channel, Order.ChannelsLast, false) =>
                Columns(direction, ColumnLayout.OfSamples(n, s, c, groups), Family.SampleColumns),

            // LayerNorm and RmsNorm.
            (StatisticsSharing.Row, Coefficients.None, Order.Rows, false) =>
                Slices(direction, GroupLayout.Rows(n, s, 1, isElementwise: false)),
            (StatisticsSharing.Row, Coefficients.Element, Order.Rows, false) =>
                Rows(direction, GroupLayout.Rows(n, s, 1, isElementwise: true), repetition: 1),

            // The channels of a position lie far apart: they become rows.
            (StatisticsSharing.Position, CoefficientSharing.None, MemoryOrder.ChannelsFirst, false) =>
                Choose(plan.Transposed with { Coefficients = CoefficientSharing.None }, direction, hasFixedStatistics)
                    with
                { IsTransposed = true },
            (StatisticsSharing.Position, CoefficientSharing.Channel, MemoryOrder.ChannelsFirst, false) =>
                Choose(plan.Transposed, direction, hasFixedStatistics) with { IsTransposed = true },

            // LocalResponseNorm: tiles of positions with all channels.
            (StatisticsSharing.Window, CoefficientSharing.None, MemoryOrder.ChannelsFirst, false) =>
                new()
                {
                    Direction = direction,
                    Family = Family.Windows,
                    Windows = new(n, c, s, isForward ? Thresholds.WindowRow : Thresholds.WindowGradientRow, plan.Window),
                    RowsAtOnce = 1,
                    Repetition = 1,
                },

            _ => throw Refusal(plan, direction, hasFixedStatistics),
        };
    }

    /// <summary>
    /// The same for the passes of second order, which know slices and rows: a channel of short slices becomes one slice of the transposed
    /// tensor.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Route ChooseSecondOrder(in Plan plan)
    {
        (nint n, nint c, nint s) = (plan.N, plan.C, plan.S);
        return plan switch
        {
            { Statistics: StatisticsSharing.Window } => throw Refusal(plan, Direction.SecondOrder, hasFixedStatistics: false),
            { Statistics: StatisticsSharing.Channel } when s < Thresholds.ShortUnit =>
                Slices(Direction.SecondOrder, GroupLayout.Batch(1, c, n * s)) with { IsTransposed = true },
            { Statistics: StatisticsSharing.Channel } => Slices(Direction.SecondOrder, GroupLayout.Batch(n, c, s)),
            _ => Choose(plan, Direction.Backward, hasFixedStatistics: false) with { Direction = Direction.SecondOrder },
        };
    }

    // The rows of a tile of middle width lie about a page apart, and are written one by one.
    private static Route Columns(Direction direction, in ColumnLayout layout, Family family = Family.Columns) => new()
    {
        Direction = direction,
        Family = family,
        Columns = layout,
        RowsAtOnce = layout.Tile(0).Columns is < Thresholds.WideTile or > Thresholds.TileColumns ? Thresholds.RowsAtOnce : 1,
        Repetition = 1,
    };

    private static Route Slices(Direction direction, in GroupLayout layout) =>
        new() { Direction = direction, Family = Family.Slices, Groups = layout, RowsAtOnce = 1, Repetition = 1 };

    // Rows of several segments that share their weights are written four at a time, so that each segment of the weights is read once for
    // four rows.
    private static Route Rows(Direction direction, in GroupLayout layout, nint repetition) => new()
    {
        Direction = direction,
        Family = direction == Direction.Forward || !Thresholds.IsLongRow(layout.Groups / layout.CoefficientPeriod, layout.Coefficients)
            ? Family.Rows
            : Family.LongRows,
        Groups = layout,
        RowsAtOnce = layout.SharesWeights && layout.Unit.Segments > 1 ? Thresholds.RowsAtOnce : 1,
        Repetition = repetition,
    };

    private static NotSupportedException Refusal(in Plan plan, Direction direction, bool hasFixedStatistics) => new(
        $"No kernel covers {direction} with statistics of each {plan.Statistics}{(hasFixedStatistics ? ", which are fixed" : "")}, "
        + $"coefficients of each {plan.Coefficients}, and {plan.Order} in memory with a stride of {plan.Stride}.");
}
