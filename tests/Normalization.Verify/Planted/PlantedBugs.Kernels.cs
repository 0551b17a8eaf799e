namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private const string Relu = "ReluBackwardTests.";

    private static IEnumerable<PlantedBug> Kernels()
    {
        yield return new(
            "rows with a stride run as if they had none", "DispatchTests.A_plan_that_no_kernel_covers_is_refused_by_name",
            ("isDense = plan.Stride == c * s", "isDense = true"));
        yield return new(
            "a row that does not fit the cache is gathered at once", "DispatchTests.A_pass_takes_the_kernel_that_the_list_names",
            ("!Thresholds.IsLongRow(", "layout.Groups > 0 || Thresholds.IsLongRow("));
        yield return new(
            "rows leave out what follows the norm", "ElementProgramTests.A_source_and_an_epilogue_give_the_bits_of_separate_passes",
            ("return _epilogue.Apply(i, result, access);", "return result;"));
        yield return new(
            "all samples with the channels last keep the sums of one", "ChannelAxisTests.Training_and_evaluation_give_what_the_transposed_call_gives",
            ("moved.SampleSums += sample * layout.Channels;", "moved.SampleSums += 0 * layout.Channels;"));
        yield return new(
            "pieces are gathered for which there is no room",
            "ThresholdsTests.Short_pieces_go_past_the_cache_alone_only_where_they_fill_whole_lines",
            ("pieceBytes is >= ShortestStagedPiece and < ShortestStreamedPiece", "pieceBytes >= ShortestStagedPiece"));
        yield return new(
            "what is gathered last is not written", "SameBitsTests.Streaming_four_rows_at_a_time_changes_no_bits",
            ("        staging.Flush();\n", ""));
        yield return new(
            "a negative weight turns ReLU around", $"{Relu}A_gradient_that_goes_through_relu_by_x_has_the_bits_of_its_steps",
            ("sign = bound._sign;", "sign = Math.Abs(bound._sign);"));
        yield return new(
            "the bound of ReLU is only near", $"{Relu}A_bound_decides_for_every_float_as_the_norm_does",
            ("ValueOf(bound.FirstPassed())", "ValueOf(bound.FirstPassed() + 1)"));
        yield return new(
            "a common part of dy is looked for before ReLU", $"{Relu}A_common_part_of_dy_is_looked_for_behind_relu",
            ("? gradient : BehindRelu(unit, element, gradient);", "? gradient : unit >= 0 ? gradient : 0;"));
        yield return new(
            "a column takes the bound of another", $"{Relu}Columns_that_go_through_relu_by_x_have_the_bits_of_their_steps",
            ("Expand<TVector>(TPass.LeastInputs(_pass) + tile.FirstChannel, tile.Channels, copies,", "Expand<TVector>(TPass.LeastInputs(_pass), tile.Channels, copies,"));
        yield return new(
            "two processors of a server count its whole cache", "ThresholdsTests.A_few_processors_of_a_server_do_not_count_its_whole_cache",
            ("Math.Min(bytes, Math.Max(2, processors) * CacheBytesPerProcessor)", "bytes"));
        foreach (PlantedBug bug in Columns())
            yield return bug;
    }

    private static IEnumerable<PlantedBug> Columns()
    {
        const string Floats = "ColumnFloatTests.A_channel_that_is_too_hard_for_floats_";
        yield return new(
            "columns are summed in float whatever their sums say", $"{Floats}is_as_exact_as_any",
            ("TLanes.AreAtMost(square, FarPivotInFloats * variance) && TLanes.AreAtMost(variance, count * count * LargestVarianceOfFloats)", "true"));
        yield return new(
            "columns whose dy have a large common part are summed in float", $"{Floats}is_as_exact_as_any",
            (" && samples.AreSpread(sum / set.Elements);", ";"));
        yield return new(
            "a mean in float meets a large common part of dy in columns", $"{Floats}is_as_exact_as_any",
            ("statistics.MoveMean(statistics.MeanLow + (mean -", "0 * statistics.MoveMean(statistics.MeanLow + (mean -"));
        yield return new(
            "a mean in float meets a large common part of dy in groups of columns", $"{Floats}is_as_exact_as_any",
            ("if (pass.IsNarrow(layout) && !pass.AreSpread(layout, first))", "if (!pass.AreSpread(layout, first) && layout.Rows < 0)"));
        yield return new(
            "the neighbors of a hard column are summed in double too", $"{Floats}leaves_the_bits_of_its_neighbors",
            ("while (channel < most && !HoldInFloats<One>(channel))", "while (channel < most)"));
        yield return new(
            "the last columns of four rows miss a row", "SameBitsTests.Every_vector_width_gives_the_same_bits",
            ("AddPartOfFour<T, V, TRow>(row0, row1, row2, row3, whole,", "AddPartOfFour<T, V, TRow>(row0, row1, row2, row2, whole,"));
    }
}
