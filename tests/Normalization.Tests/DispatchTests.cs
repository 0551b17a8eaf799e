using System.Globalization;
using Normalization.Kernels.Plans;

namespace Normalization.Tests;

/// <summary>Which kernel runs, as a table.</summary>
public sealed class DispatchTests
{
    private const string Elementwise = ", a weight for each element";

    [Theory]
    // BatchNorm: n, c, s.
    [InlineData("Batch 256 1024 1", "Forward", "Columns: 256 x 1024 in 1 tile, 1 row at once")]
    [InlineData("Batch 4096 128 1", "Backward", "Columns: 4096 x 128 in 1 tile, 4 rows at once")]
    [InlineData("Batch 32 2048 49", "Forward", "Columns: 32 x 100352 in 128 tiles, 1 row at once")]
    [InlineData("Batch 32 2048 49", "Forward fixed", "Columns: 32 x 100352 in 13 tiles, 4 rows at once")]
    [InlineData("Batch 32 2048 49", "Backward fixed", "Columns: 32 x 100352 in 128 tiles, 1 row at once")]
    [InlineData("Batch 32 64 255", "Forward", "Columns: 32 x 16320 in 16 tiles, 1 row at once")]
    [InlineData("Batch 32 64 256", "Forward", "Slices: 64 groups of 1 unit of 32 x 256, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "Forward", "Slices: 64 groups of 1 unit of 32 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "Backward", "Slices: 64 groups of 1 unit of 32 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "InputGradient", "Slices: 64 groups of 1 unit of 32 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "Forward plain", "Slices: 64 groups of 1 unit of 32 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "Forward fixed", "Slices: 2048 groups of 1 unit of 1 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "Backward fixed", "Slices: 2048 groups of 1 unit of 1 x 12544, 64 coefficients")]
    [InlineData("Batch 32 64 12544", "InputGradient fixed", "Forward Slices: 2048 groups of 1 unit of 1 x 12544, 64 coefficients")]
    [InlineData("Batch 256 1024 1", "InputGradient fixed", "Forward Columns: 256 x 1024 in 1 tile, 1 row at once")]
    [InlineData("Batch 8 64 1024 Order=ChannelsLast", "Forward", "Columns: 8192 x 64 in 1 tile, 4 rows at once")]
    [InlineData("Batch 8 64 1024 Order=ChannelsLast", "Backward", "Columns: 8192 x 64 in 1 tile, 4 rows at once")]
    [InlineData("Batch 8 2048 49 Order=ChannelsLast", "Forward plain", "Columns: 392 x 2048 in 2 tiles, 1 row at once")]
    [InlineData("Batch 8 2048 49 Order=ChannelsLast", "Forward fixed", "Columns: 392 x 2048 in 1 tile, 4 rows at once")]
    [InlineData("Batch 8 2048 49 Order=ChannelsLast", "InputGradient fixed", "Forward Columns: 392 x 2048 in 1 tile, 4 rows at once")]
    // GroupNorm and InstanceNorm: n, c, s, groups.
    [InlineData("Group 8 64 1024 32", "Forward", "Slices: 256 groups of 2 units of 1 x 1024, 64 coefficients")]
    [InlineData("Group 8 64 1024 32", "Backward", "Slices: 256 groups of 2 units of 1 x 1024, 64 coefficients")]
    [InlineData("Group 8 64 1024 32", "Forward plain", "Slices: 256 groups of 1 unit of 1 x 2048, 32 coefficients")]
    [InlineData("Group 8 64 1024 64", "Forward", "Slices: 512 groups of 1 unit of 1 x 1024, 64 coefficients")]
    [InlineData("Group 32 512 16 32", "Forward", "Rows: 1024 groups of 1 unit of 1 x 256, 32 coefficients" + Elementwise + ", each repeated 16 times")]
    [InlineData("Group 32 512 16 32", "Backward", "LongRows: 1024 groups of 1 unit of 1 x 256, 32 coefficients" + Elementwise + ", each repeated 16 times")]
    [InlineData("Group 32 64 16 32", "Backward", "Rows: 1024 groups of 1 unit of 1 x 32, 32 coefficients" + Elementwise + ", each repeated 16 times")]
    [InlineData("Group 32 512 16 512", "Forward", "Slices: 16384 groups of 1 unit of 1 x 16, 512 coefficients")]
    [InlineData("Group 32 512 32 32", "Forward", "Slices: 1024 groups of 16 units of 1 x 32, 512 coefficients")]
    [InlineData("Group 1 524288 16 1", "Forward", "Slices: 1 group of 524288 units of 1 x 16, 524288 coefficients")]
    [InlineData("Group 8 64 1024 1", "Forward", "Slices: 8 groups of 64 units of 1 x 1024, 64 coefficients")]
    [InlineData("Group 8 64 1024 32 Order=ChannelsLast", "Forward", "SampleColumns: 8 x 1024 x 64 in 1 tile, groups of 2, 4 rows at once")]
    [InlineData("Group 8 64 1024 32 Order=ChannelsLast", "Backward", "SampleColumns: 8 x 1024 x 64 in 1 tile, groups of 2, 4 rows at once")]
    [InlineData("Group 8 2048 49 2048 Order=ChannelsLast", "Forward plain", "SampleColumns: 8 x 49 x 2048 in 2 tiles, groups of 1, 1 row at once")]
    // LayerNorm and RmsNorm: rows, width.
    [InlineData("Row 512 65536", "Forward", "Rows: 512 groups of 1 unit of 1 x 65536, 1 coefficient" + Elementwise + ", 4 rows at once")]
    [InlineData("Row 512 65536", "Backward", "LongRows: 512 groups of 1 unit of 1 x 65536, 1 coefficient" + Elementwise + ", 4 rows at once")]
    [InlineData("Row 512 65536", "Backward plain", "Slices: 512 groups of 1 unit of 1 x 65536, 1 coefficient")]
    [InlineData("Row 512 65536", "InputGradient", "LongRows: 512 groups of 1 unit of 1 x 65536, 1 coefficient" + Elementwise + ", 4 rows at once")]
    [InlineData("Row 1024 65536", "Backward", "Rows: 1024 groups of 1 unit of 1 x 65536, 1 coefficient" + Elementwise + ", 4 rows at once")]
    [InlineData("Row 1024 65537", "Backward", "LongRows: 1024 groups of 1 unit of 1 x 65537, 1 coefficient" + Elementwise + ", 4 rows at once")]
    [InlineData("Row 128 8191", "Backward", "Rows: 128 groups of 1 unit of 1 x 8191, 1 coefficient" + Elementwise)]
    [InlineData("Row 128 8192", "Backward", "LongRows: 128 groups of 1 unit of 1 x 8192, 1 coefficient" + Elementwise)]
    [InlineData("Row 4096 768", "Forward", "Rows: 4096 groups of 1 unit of 1 x 768, 1 coefficient" + Elementwise)]
    // Channels at each position: n, c, s.
    [InlineData("Batch 2 6 300 Statistics=Position", "Forward", "Rows: 600 groups of 1 unit of 1 x 6, 1 coefficient" + Elementwise + ", transposed")]
    [InlineData("Batch 2 6 300 Statistics=Position", "Backward", "Rows: 600 groups of 1 unit of 1 x 6, 1 coefficient" + Elementwise + ", transposed")]
    [InlineData("Batch 2 6 300 Statistics=Position", "Backward plain", "Slices: 600 groups of 1 unit of 1 x 6, 1 coefficient, transposed")]
    [InlineData("Row 4096 768", "Forward plain", "Slices: 4096 groups of 1 unit of 1 x 768, 1 coefficient")]
    // The channels around each element: n, c, s.
    [InlineData("Window 8 64 3025", "Forward", "Windows: 24 tiles of up to 1024 positions, 64 channels")]
    [InlineData("Window 8 64 3025", "InputGradient", "Windows: 48 tiles of up to 512 positions, 64 channels")]
    [InlineData("Window 8 64 1", "Forward", "Windows: 8 tiles of up to 1 position, 64 channels")]
    public void A_pass_takes_the_kernel_that_the_list_names(string layer, string pass, string expected) =>
        Describe(Choose(PlanOf(layer), pass), pass).Should().Be(expected);

    /// <summary>A kernel that runs on a plan that it was not written for gives wrong numbers.</summary>
    [Theory]
    [InlineData("Batch 2 6 300 Coefficients=SampleChannel", "Forward")]
    [InlineData("Batch 2 6 300 Coefficients=Element", "Forward")]
    [InlineData("Batch 2 6 300 Coefficients=All", "Forward")]
    [InlineData("Batch 2 6 300 Statistics=Position", "Forward fixed")]
    [InlineData("Window 2 6 300", "Forward fixed")]
    [InlineData("Window 2 6 300 Coefficients=Channel", "Forward")]
    [InlineData("Group 2 6 300 3 Coefficients=SampleChannel", "Backward")]
    [InlineData("Group 2 6 300 3", "Forward fixed")]
    [InlineData("Group 2 6 300 3 Order=ChannelsLast", "Forward fixed")]
    [InlineData("Row 4 8 Stride=9", "Forward")]
    [InlineData("Row 4 8 Stride=9", "Forward plain")]
    [InlineData("Row 4 8 Coefficients=All", "Backward")]
    [InlineData("Row 4 8", "Backward fixed")]
    [InlineData("Row 4 8", "InputGradient fixed")]
    public void A_plan_that_no_kernel_covers_is_refused_by_name(string layer, string pass)
    {
        Plan plan = PlanOf(layer);
        FluentActions.Invoking(() => Choose(plan, pass)).Should().Throw<NotSupportedException>()
            .WithMessage($"*{plan.Statistics}*{(pass.Contains("plain", StringComparison.Ordinal) ? CoefficientSharing.None : plan.Coefficients)}*{plan.Order}*{plan.Stride}*");
    }

    [Theory]
    [InlineData("Statistics=Channel", 3, 2 * 20)]
    [InlineData("Statistics=ChannelGroup", 2, 3 * 20)]
    [InlineData("Statistics=Position", 2 * 20, 3)]
    public void A_plan_counts_its_groups_and_their_elements(string choice, int groups, long elements)
    {
        Plan plan = PlanOf($"Group 2 3 20 1 {choice}");
        (plan.StatisticsCount, plan.ElementsPerGroup).Should().Be((groups, elements));
        (groups * elements).Should().Be(plan.Elements);
    }

    [Theory]
    [InlineData("Coefficients=None", 0)]
    [InlineData("Coefficients=Channel", 3)]
    [InlineData("Coefficients=SampleChannel", 2 * 3)]
    [InlineData("Coefficients=Element", 3 * 20)]
    [InlineData("Coefficients=All", 1)]
    public void A_plan_counts_its_coefficients(string choice, int expected) =>
        PlanOf($"Batch 2 3 20 {choice}").Parameters.Should().Be(expected);

    /// <summary>A count that overflows would fit a buffer that is too small.</summary>
    [Fact]
    public void More_elements_than_can_be_counted_fit_no_buffer()
    {
        Plan.Batch(int.MaxValue, int.MaxValue, int.MaxValue).Elements.Should().Be(long.MaxValue);
        Plan.Batch(int.MaxValue, int.MaxValue, 2).Elements.Should().Be(2L * int.MaxValue * int.MaxValue);
        Plan.Batch(int.MaxValue, int.MaxValue, 0).Elements.Should().Be(0);
        Plan.ChannelGroups(int.MaxValue, int.MaxValue, 1, 3).StatisticsCount.Should().Be(int.MaxValue);
    }

    /// <summary>A layer and its sizes, and what of its plan is changed.</summary>
    private static Plan PlanOf(string layer)
    {
        string[] words = layer.Split(' ');
        int[] sizes = [.. words.Skip(1).TakeWhile(static word => !word.Contains('=', StringComparison.Ordinal)).Select(int.Parse)];
        Plan plan = words[0] switch
        {
            "Batch" => Plan.Batch(sizes[0], sizes[1], sizes[2]),
            "Group" => Plan.ChannelGroups(sizes[0], sizes[1], sizes[2], sizes[3]),
            "Window" => Plan.Windows(sizes[0], sizes[1], sizes[2], new(5, 2, 1e-4, 0.75, 1)),
            _ => Plan.Rows(sizes[0], sizes[1], isCentered: true),
        };
        string[] change = words[^1].Split('=');
        return change[0] switch
        {
            "Statistics" => plan with { Statistics = Enum.Parse<StatisticsSharing>(change[1]) },
            "Coefficients" => plan with { Coefficients = Enum.Parse<CoefficientSharing>(change[1]) },
            "Order" => plan with { Order = Enum.Parse<MemoryOrder>(change[1]) },
            "Stride" => plan with { Stride = int.Parse(change[1], CultureInfo.InvariantCulture) },
            _ => plan,
        };
    }

    private static Route Choose(Plan plan, string pass)
    {
        string[] words = pass.Split(' ');
        Dispatch.Choose(
            words.Contains("plain") ? plan with { Coefficients = CoefficientSharing.None } : plan,
            Enum.Parse<Direction>(words[0]),
            words.Contains("fixed"),
            out Route route);
        return route;
    }

    private static string Describe(in Route route, string pass)
    {
        string direction = pass.StartsWith($"{route.Direction}", StringComparison.Ordinal) ? "" : $"{route.Direction} ";
        ColumnLayout columns = route.Columns;
        GroupLayout groups = route.Groups;
        WindowLayout windows = route.Windows;
        if (route.Family == Family.Windows)
            return $"{direction}Windows: {windows.Tiles} tiles of up to {Count(windows.LongestRow, "position")}, {windows.Channels} channels";
        if (route.Family == Family.SampleColumns)
        {
            return $"{direction}SampleColumns: {columns.Samples} x {columns.Rows} x {columns.Columns} in {Count(columns.Tiles, "tile")}, "
                + $"groups of {columns.ChannelsPerGroup}, {Count(route.RowsAtOnce, "row")} at once";
        }
        return direction + route.Family + ": " + (route.Family == Family.Columns
            ? $"{columns.Rows} x {columns.Columns} in {Count(columns.Tiles, "tile")}, {Count(route.RowsAtOnce, "row")} at once"
            : $"{Count(groups.Groups, "group")} of {Count(groups.UnitsPerGroup, "unit")} of {groups.Unit.Slices} x {groups.Unit.Length}, "
                + Count(groups.CoefficientPeriod, "coefficient")
                + (route.HasElementwiseWeights ? Elementwise : "")
                + (route.Repetition > 1 ? $", each repeated {route.Repetition} times" : "")
                + (route.RowsAtOnce > 1 ? $", {route.RowsAtOnce} rows at once" : "")
                + (route.IsTransposed ? ", transposed" : ""));
    }

    private static string Count(nint count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";
}
