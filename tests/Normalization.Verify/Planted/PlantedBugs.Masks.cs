namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Masks()
    {
        const string Masked = "MaskedTests.", Passes = "MaskedPassTests.";
        yield return new(
            "what lies in the padding reaches the sums", $"{Masked}Training_computes_the_weighted_definition_whatever_lies_elsewhere",
            ("b = W.KeepPositive(weight, access.Load<W, T>(_x + i) - _pivot);\n        a = weight", "b = access.Load<W, T>(_x + i) - _pivot;\n        a = weight"));
        yield return new(
            "what lies beside a mask reaches the sums", $"{Masked}Training_computes_the_weighted_definition_whatever_lies_elsewhere",
            ("b = W.Keep(W.LoadMask(_mask + i), access.Load<W, T>(_x + i) - _pivot);\n        a = b;", "b = access.Load<W, T>(_x + i) - _pivot;\n        a = b;"));
        yield return new(
            "tiles behind the first one have the weights of other positions",
            $"{Masked}Training_computes_the_weighted_definition_whatever_lies_elsewhere",
            ("(element % _columns % _tile)", "(element % _columns)"));
        yield return new(
            "the input gradient forgets the weight of its position", $"{Masked}Training_computes_the_weighted_definition_whatever_lies_elsewhere",
            ("V.FusedMultiplyAdd(weight, common, (_one - weight) * _across)", "common"));
        yield return new(
            "the running variance counts positions instead of their weights", $"{Masked}Training_computes_the_weighted_definition_whatever_lies_elsewhere",
            ("Sum > 0 ? Sum * Sum / Squares : 0", "Count"));
        yield return new(
            "what is kept is cleared", $"{Masked}What_is_kept_is_not_written",
            ("HasFixedStatistics = hasFixedStatistics, ClearsInvalid = !positions.KeepsInvalid", "HasFixedStatistics = hasFixedStatistics, ClearsInvalid = true"));
        yield return new(
            "ranks do not exchange the squares of the weights", $"{Passes}Ranks_with_different_numbers_of_valid_positions_are_one_batch",
            ("totalSquares == total ? total : total * total / totalSquares", "total"));
        const string Prefix = "MaskedPrefixTests.";
        yield return new(
            "valid positions of columns are summed in float whatever their sums say", $"{Prefix}Hard_data_costs_valid_positions_no_digits",
            ("GroupStatistics<TLanes>.HoldInFloats(sum, product, _total.Sum, _operands->Epsilon)", "true"));
        yield return new(
            "valid positions of columns whose dy have a large common part are summed in float",
            $"{Prefix}A_large_common_part_of_the_output_gradient_costs_valid_positions_no_digits",
            (" && samples.AreSpread(sum / _total.Count);", ";"));
    }
}
