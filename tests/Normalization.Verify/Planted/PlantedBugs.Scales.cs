namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Scales()
    {
        const string EveryScale = "ScaleTests.Doubles_of_every_scale_are_within_1e_13_of_the_formula";
        yield return new(
            "the gradients of repeated weights are added in float",
            "PrecisionTests.GroupNorm_of_short_runs_adds_its_parameter_gradients_in_double",
            ("sum += term;", "sum = (float)(sum + term);"));
        yield return new(
            "products of weight and dy that leave the range of floats stay in float",
            "ScaleTests.A_product_of_weight_and_gradient_beyond_float_does_not_spoil_the_input_gradient",
            (" || (isNarrow && !hold)", ""));
        yield return new(
            "products of slices that leave the range of floats stay in float",
            "ScaleTests.A_product_of_weight_and_gradient_beyond_float_does_not_spoil_the_input_gradient",
            ("NumericRange.HoldsProducts<One>(Math.Abs(sums.Product)) && ", ""));
        yield return new(
            "slices whose dy have a large common part are summed in float",
            "PrecisionTests.A_large_common_part_of_the_output_gradient_costs_no_digits",
            (" && samples.AreSpread(sums.Sum / (slices * length))", ""));
        yield return new(
            "large gradients overflow where four rows are added", "ScaleTests.Large_gradients_of_four_rows_do_not_overflow",
            ("GradientScale = 2 * RowsInFloats;", "GradientScale = 1;"));
        yield return new(
            "large products overflow where four rows are added", "ScaleTests.Large_gradients_of_four_rows_do_not_overflow",
            ("InputScale = 1 << 21;", "InputScale = 1;"));
        yield return new(
            "a row that x̂ of floats cannot hold is summed in float", "ScaleTests.Rows_that_floats_cannot_normalize_have_gradients",
            ("NumericRange.Holds<float, TLanes>(statistics.InverseStandardDeviation)\n", "TLanes.AreAtMost(0, statistics.Variance)\n"));
        yield return new(
            "the last elements of a short row are left out of its sums",
            "ShortRowGradientTests.Rows_of_every_length_have_the_gradients_of_the_closed_form",
            ("sum += TLanes.SumsOfFours(_rest + place, _fours);", "_ = place;"));
        yield return new(
            "a row that floats cannot hold is written from coefficients in float",
            "ShortRowGradientTests.A_row_that_floats_cannot_hold_leaves_its_neighbors_as_they_are",
            ("*_wide |= 1u << (int)row;", "*_wide |= 0;"));
        yield return new(
            "a row whose sums floats cannot hold is written with the coefficients of another",
            "ShortRowGradientTests.A_row_that_floats_cannot_hold_leaves_its_neighbors_as_they_are",
            ("- 1) << (int)index;", "- 1) << ((int)index / 2);"));
        yield return new(
            "a channel that floats cannot hold is written with coefficients in float",
            "ChannelUnitTests.A_channel_that_floats_cannot_hold_leaves_its_neighbors_as_they_are",
            ("*_alone |= 1u << (int)index;", "*_alone |= 0;"));
        yield return new(
            "four channels of two groups take the statistics of the first group",
            "ChannelUnitTests.A_channel_that_floats_cannot_hold_leaves_its_neighbors_as_they_are",
            ("bool areOfOneGroup = last / layout.UnitsPerGroup == group;", "bool areOfOneGroup = true;"));
        yield return new(
            "the sums of a column's last rows stay in float",
            "ShortRowGradientTests.Rows_of_every_length_have_the_gradients_of_the_closed_form",
            ("            if (IsNarrow)\n                sums.Move<V, W>(_layout->Coefficients);\n", ""));
        yield return new(
            "rows multiply dy by γ in float beyond its range",
            "ScaleTests.A_product_of_weight_and_gradient_beyond_float_does_not_spoil_the_input_gradient",
            ("mayBeNarrow: hold)", "mayBeNarrow: true)"));
        yield return new(
            "r · r is a product of its own", "ScaleTests.A_constant_group_has_no_gradient_however_small_epsilon_is",
            ("-r * (r * (sums.Product / count))", "-r * r * (sums.Product / count)"));
        yield return new(
            "squares of doubles overflow and vanish", "ScaleTests.Statistics_of_huge_and_tiny_doubles_are_those_of_ordinary_ones_scaled",
            ("if (!statistics.AreInRange<T>(epsilon)", "if (epsilon < 0"), ("if (areNear && statistics.AreInRange<T>(epsilon))", "if (areNear)"));
        yield return new(
            "the coefficients of a group leave the range of doubles", EveryScale,
            ("areInRange &= sums.AreInRange(statistics, weight);", "areInRange &= sums.AreInRange(statistics, weight) || true;"));
        yield return new(
            "the coefficients of a row leave the range of doubles", EveryScale,
            ("if (sums.AreInRange(*row.Statistics, 1) && !sums.AreZero)", "if (sums.AreInRange(*row.Statistics, 1) || true)"));
        yield return new(
            "the coefficients of a column leave the range of doubles", EveryScale,
            ("bool areInRange = ", "bool areInRange = true || "))
        { Type = "ColumnBackward" };
        yield return new(
            "r · γ is one product", EveryScale, ("if (r == 0 || weight == 0", "if (r >= 0 || weight == 0"));
        yield return new(
            "an infinite weight of a column gives NaN",
            "ScaleTests.An_infinite_weight_gives_an_infinity_of_the_sign_of_the_normalized_input",
            (" || !double.IsFinite(TLanes.First(affine.Scale))", ""));
        yield return new(
            "doubles of a run are added up without blocks", "PrecisionTests.Errors_that_round_the_same_way_all_along_stay_within_1e_13",
            ("if (left == 0)", "if (left == 1)"));
        yield return new(
            "doubles of a column are added up without blocks",
            "PrecisionTests.Errors_that_round_the_same_way_all_along_stay_within_1e_13",
            ("? 256 : 64;", "? 256 : 1 << 20;"));
        yield return new(
            "parameter gradients of doubles are added up without blocks",
            "PrecisionTests.Parameter_gradients_of_many_rows_that_round_the_same_way_stay_within_1e_13",
            ("typeof(T) == typeof(double) ? RowsOfDoubles : nint.MaxValue", "nint.MaxValue"));
        yield return new(
            "the gradients of a row of doubles are added up without blocks",
            "PrecisionTests.The_sums_of_a_row_s_gradient_that_round_the_same_way_all_along_stay_within_1e_13",
            ("(left -= Lanes) < 0", "left < 0"));
        yield return new(
            "what the sum of several parts rounds off is lost",
            "PrecisionTests.Blocks_of_rows_are_added_with_what_the_additions_round_off",
            ("_high + TLanes.Within(_low, double.MaxValue)", "_high"));
        yield return new(
            "dy is taken about zero", "PrecisionTests.A_large_common_part_of_the_output_gradient_costs_no_digits",
            ("Math.Max(Math.Min(first, second), Math.Min(Math.Max(first, second), third))", "0 * (first + second + third)"));
    }
}
