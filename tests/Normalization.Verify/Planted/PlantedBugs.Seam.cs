namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Seam()
    {
        const string Bits = "PositionTests.Channels_at_a_position_have_the_bits_of_a_row_for_every_number_of_threads";
        const string Parts = "PositionTests.Statistics_of_parts_are_those_of_the_whole_whatever_the_parts";
        yield return new(
            "a tile is left out of a transposition", Bits, ("(height + Tile - 1) / Tile", "height / Tile"));
        yield return new(
            "a transposed gradient is not transposed back", Bits,
            ("TurnBack(plan, gradients.Span, dx);", "gradients.Span.CopyTo(dx);"));
        yield return new(
            "the distance between the means of parts is not counted", Parts, ("part.M2 + (part.Count * distance * distance)", "part.M2"));
        yield return new(
            "parts without elements have a mean", "PositionTests.A_part_without_elements_spoils_nothing_and_a_part_that_is_not_finite_does",
            ("Count == 0 ? 0 : Mean", "Mean"));
        yield return new(
            "a gradient that saves nothing forgets epsilon", "SavedStatisticsTests.A_gradient_that_saves_nothing_has_the_bits_of_the_layer",
            ("default, default, epsilon, statistics, hasFixedStatistics: false, default);", "default, default, 0, statistics, hasFixedStatistics: false, default);"));
    }
}
