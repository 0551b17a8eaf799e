namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> SecondOrder()
    {
        const string Values = "SecondOrderTests.", Promises = "SecondOrderPromiseTests.", Errors = "SecondOrderErrorTests.";
        yield return new(
            "the gradient of x forgets how the deviation moves with x", $"{Values}The_closed_form_holds_in_double",
            ("_gradient.At(i, normalized, access), normalized * _product)", "_gradient.At(i, normalized, access), default)"));
        yield return new(
            "RmsNorm takes off a mean of the direction", $"{Values}The_closed_form_holds_in_double",
            ("if (_operands->IsCentered)\n            projection.Mean", "if (IsProjected)\n            projection.Mean"));
        yield return new(
            "fixed statistics are differentiated", $"{Values}The_derivatives_along_every_choice_of_directions_are_numerical_differences",
            ("private bool IsProjected => !_operands->HasFixedStatistics;", "private bool IsProjected => true;"));
        yield return new(
            "the sums of a block of rows reach into those of another block",
            $"{Promises}Every_vector_width_and_number_of_threads_gives_the_same_bits",
            ("private nint BlockStride => RawMemory.PaddedLength(_layout->Coefficients);", "private nint BlockStride => _layout->Coefficients - 1;"));
        yield return new(
            "a direction with a large common part costs digits",
            $"{Promises}A_large_common_part_of_the_gradient_and_of_the_direction_costs_no_digits",
            ("projection.MeanLow = _operands->IsCentered ? sums.Sum / count : 0;", ""));
        yield return new(
            "the gradient of γ loses digits in a large common part of dy",
            $"{Promises}A_large_common_part_of_the_gradient_and_of_the_direction_costs_no_digits",
            ("bool sumsToZero = IsProjected && _operands->IsCentered && _layout->UnitsPerGroup == 1;", "bool sumsToZero = false;"));
        yield return new(
            "a frozen weight gains a gradient of second order", $"{Promises}Results_that_are_not_wanted_change_no_bit_of_the_others",
            ("bool addsToWeight = Weight is { RequiresGradient: true } && ", "bool addsToWeight = Weight is not null && "));
        yield return new(
            "the gradient of dy is written over v", $"{Errors}Results_over_other_memory_are_refused",
            ("Guard.Apart<T, T>(spans.OutputDerivative, spans.InputDirection, derivative, v);", ""));
        yield return new(
            "an activation is ignored", $"{Errors}What_is_more_than_the_norm_is_refused",
            (": Activation != Activation.None || context.Terms.IsAny", ": context.Terms.IsAny"));
    }
}
