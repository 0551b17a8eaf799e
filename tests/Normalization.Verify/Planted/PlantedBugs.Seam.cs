namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Seam()
    {
        const string Bits = "PositionTests.Channels_at_a_position_have_the_bits_of_a_row_for_every_number_of_threads";
        const string Parts = "PositionTests.Statistics_of_parts_are_those_of_the_whole_whatever_the_parts";
        yield return new(
            "the last positions of a sample are not turned into rows", Bits,
            ("(positions + turned.Count - 1) / turned.Count", "positions / turned.Count"));
        yield return new(
            "a transposed gradient is not transposed back", Bits,
            ("turned.Write((T*)(memory + turned.Room), first, last, operands.InputGradient);", "return;"));
        const string Few = "ChannelAxisTests.Few_channels_last_give_what_the_transposed_call_gives_at_every_position";
        yield return new("positions behind the last whole row are not written", Few, ("if (rows % together != 0)", "if (rows < 0)"));
        yield return new("positions behind the last whole row are not added", Few, ("if (count % together != 0)", "if (count < 0)"));
        yield return new(
            "some of few channels are taken for all", Few, ("bool areAll = tile.Channels == _layout.Channels;", "const bool areAll = true;"));
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
