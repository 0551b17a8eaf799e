namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Family()
    {
        const string LocalResponse = "LocalResponseNormTests.", Invert = "InvertTests.", Renorm = "BatchRenormTests.", Weight = "WeightNormTests.";
        yield return new(
            "even windows of PyTorch lie as those of ONNX", $"{LocalResponse}The_values_and_the_gradients_are_those_of_PyTorch",
            ("EvenWindow.MoreBefore ? size / 2 : (size - 1) / 2", "EvenWindow.MoreBefore ? (size - 1) / 2 : size / 2"));
        yield return new(
            "a response in place reads channels that it has written", $"{LocalResponse}In_place_has_the_bits_of_another_output",
            ("bool isInPlace = _x == _output;", "bool isInPlace = false;"));
        yield return new(
            "large squares of floats overflow", $"{LocalResponse}Large_and_small_floats_keep_their_digits",
            ("* _layout.Window.Alpha <= LargestSum", "* _layout.Window.Alpha <= 1e300"));
        yield return new(
            "a huge value changes the arithmetic of its neighbors", $"{LocalResponse}A_NaN_and_a_huge_value_change_no_bit_outside_their_windows",
            ("while (end < tile.Length && AreSmall(sums, end) == areSmall)", "while (end < tile.Length)"));
        yield return new(
            "the gradient of a response forgets its window", $"{LocalResponse}The_values_and_the_gradients_are_those_of_PyTorch",
            ("-2 * row.Scale * row.Beta", "0 * row.Scale * row.Beta"));
        yield return new(
            "the inverse multiplies by γ", $"{Invert}The_inverse_of_the_output_is_the_input",
            ("1 / (inverse * gamma)", "gamma / inverse"));
        yield return new(
            "the inverse of a pass with running statistics takes those of samples", $"{Invert}The_inverse_of_the_output_is_the_input",
            ("remembered[context.HasFixedStatistics ? channel : i]", "remembered[i % remembered.Length]"),
            ("int channel = i % NumFeatures;", "int channel = i * NumFeatures / statistics.Length;"));
        yield return new(
            "the gradient of β of an inverse has the wrong sign", $"{Invert}The_gradients_are_those_of_differences",
            ("Add(ref bias.Gradient.Span[channel], -total);", "Add(ref bias.Gradient.Span[channel], total);"));
        yield return new(
            "the warm-up is over at once", $"{Renorm}The_limits_open_evenly_by_the_batches_in_the_state",
            ("return batches < 0 ? 0 :", "return batches < 0 ? 1 :"));
        yield return new(
            "the gradient of γ forgets what was added to x̂", $"{Renorm}The_gradients_are_those_of_differences_with_r_and_d_as_constants",
            ("+ (shift[i] * Element.ToDouble(sums[i]));", ";"));
        yield return new(
            "γ is not multiplied by r in the backward pass", $"{Renorm}The_gradients_are_those_of_differences_with_r_and_d_as_constants",
            ("plan, pass.Input, pass.OutputGradient, weights, context.Statistics,", "plan, pass.Input, pass.OutputGradient, weight, context.Statistics,"));
        yield return new(
            "a pass in evaluation keeps the correction of training", $"{Renorm}A_refused_pass_keeps_the_correction_of_the_pass_before",
            ("        _nextCorrectionLength = 0;", ""));
        yield return new(
            "the gradient of a magnitude is that of a root mean square", $"{Weight}A_weight_and_its_gradients_are_those_of_PyTorch",
            ("1 / Math.Sqrt(unfolded.Columns)", "1"));
        yield return new(
            "σ counts as a constant", $"{Weight}A_spectral_weight_and_its_gradient_are_those_of_PyTorch",
            ("double left = product * Element.ToDouble(LeftVector.Span[row]);", "double left = 0 * product * row;"));
        yield return new(
            "vectors that fit two dimensions are taken for the first", $"{Weight}Vectors_that_fit_two_dimensions_are_taken_for_the_one_they_belong_to",
            ("|| norm.Mismatch(original) < best.Mismatch(original)", ""));
    }
}
