namespace Normalization.Verify.Planted;

/// <summary>One bug of every class that a normalization library is known for.</summary>
internal static partial class PlantedBugs
{
    private const string Formula = "ForwardPropertyTests.Every_shape_gives_the_formula";

    public static IReadOnlyList<PlantedBug> All { get; } =
    [
        .. Statistics(),
        .. RunningStatistics(),
        .. Outputs(),
        .. Gradients(),
        .. Sharing(),
        .. SameBits(),
        .. Memory(),
        .. State(),
        .. Validation(),
        .. Tensors(),
        .. Threads(),
        .. Passes(),
        .. Ranks(),
        .. Files(),
        .. Scales(),
        .. Models(),
        .. Kernels(),
        .. Seam(),
        .. Life(),
        .. Family(),
        .. SecondOrder(),
        .. Masks(),
    ];

    private static IEnumerable<PlantedBug> Statistics()
    {
        yield return new(
            "naive variance, E[x²] - E[x]²", "RangeTests.Statistics_far_from_zero_are_within_a_float_ulp",
            ("isCentered ? group.Gather<One>(0) : 0", "0"), ("TLanes.Round<T>(((lower + upper) / 2) + 0)", "0"),
            ("AreNear<T>(pivot)", "AreNear<T>(statistics.Mean)"), ("AreNearInFloats(pivot)", "AreNearInFloats(statistics.Mean)"));
        yield return new(
            "squares of floats overflow and vanish in float", "RangeTests.Squares_that_leave_the_range_of_floats_do_not_spoil_RmsNorm",
            ("statistics.HoldInFloats(epsilon) && (!isCentered", "(!isCentered"));
        yield return new(
            "an outlier draws the pivot of a short row away from the mean",
            "VerifyTests.Floats_are_within_three_scaled_ulp_on_every_distribution",
            ("(lower + upper) * 0.5", "(first + second + third + fourth) * 0.25"));
        yield return new(
            "a pivot far from the mean spoils sums in float", "VerifyTests.Floats_are_within_three_scaled_ulp_on_every_distribution",
            ("statistics.AreNearInFloats(pivot)", "statistics.AreNearInFloats(statistics.Mean)"));
        yield return new(
            "a large common part of dy multiplies the error of the mean of a slice",
            "PrecisionTests.A_large_common_part_of_the_output_gradient_costs_no_digits",
            ("return !double.IsFinite(sum) || samples.AreSpread(sum / set.Elements);", "return samples.AreSpread(0);"));
        yield return new(
            "a large common part of weight · dy multiplies the error of the mean of a row",
            "PrecisionTests.A_large_common_part_of_the_output_gradient_costs_no_digits",
            ("samples.AreSpread(sum / (double)_unit.Length)", "samples.AreSpread(0)"));
        yield return new(
            "a mean that becomes part of another is taken in float",
            "SynchronizationTests.A_large_common_part_of_the_output_gradient_costs_no_digits_over_ranks",
            ("!(isCentered && isExact)", "(isCentered || !isExact)"));
        yield return new(
            "an outlier stays the pivot", "VerifyTests.Doubles_are_within_their_limit_on_every_distribution",
            ("AreNear<T>(pivot)", "AreNear<T>(statistics.Mean)"));
        yield return new(
            "mean in float", "RangeTests.Outputs_far_from_zero_are_within_3_scaled_ulp",
            ("TLanes mean = pivot + offset;", "TLanes mean = TLanes.Round<float>(pivot + offset);"), ("(offset - rounded), double.MaxValue", "(offset - rounded), -1"));
        yield return new(
            "unbiased variance normalizes", "ForwardTests.The_variance_that_normalizes_is_the_biased_one",
            ("(product - (sum * offset)) / count", "(product - (sum * offset)) / (count - 1)"));
        yield return new(
            "the mean's square is not subtracted", Formula, ("product - (sum * offset)", "product"));
        yield return new(
            "epsilon outside the root", "ForwardTests.Epsilon_is_added_under_the_root",
            ("TLanes.ReciprocalSqrt(variance + epsilon)", "(TLanes)1 / (((TLanes)1 / TLanes.ReciprocalSqrt(variance)) + epsilon)"));
        yield return new(
            "no epsilon in the mean square", "ForwardTests.RmsNorm_subtracts_no_mean_and_adds_the_machine_epsilon",
            ("FromMoments(0, squares / count, epsilon)", "FromMoments(0, squares / count, 0)"));
        yield return new(
            "a group without variance divides by zero", "RangeTests.A_constant_group_gives_exactly_beta",
            ("value._value == 0 ? 0 : 1 / Math.Sqrt(value._value)", "1 / Math.Sqrt(value._value)"));
        yield return new(
            "a lane reads its neighbor's statistics", "LanesTests.Four_lanes_have_the_bits_that_each_has_alone",
            ("source[0], source[step], source[2 * step]", "source[0], source[step], source[step]"));
    }

    private static IEnumerable<PlantedBug> RunningStatistics()
    {
        yield return new(
            "biased running variance", "RunningStatisticsTests.The_running_variance_is_the_unbiased_one",
            ("count / (count - 1)", "1"));
        yield return new(
            "count off by one in the unbiased variance", "RunningStatisticsTests.The_running_variance_is_the_unbiased_one",
            ("count / (count - 1)", "(count + 1) / count"));
        yield return new(
            "momentum on the wrong side", "StatePropertyTests.Running_statistics_after_several_batches_have_the_closed_form",
            ("((1 - _momentum) * running) + (_momentum * batch)", "(_momentum * running) + ((1 - _momentum) * batch)"));
        yield return new(
            "a momentum of one keeps a NaN", "RunningStatisticsTests.A_momentum_of_one_forgets_a_running_value_that_is_not_finite",
            ("_momentum == 1 ? batch : ", ""));
        yield return new(
            "the running variance is the sum over the samples", "RunningStatisticsTests.InstanceNorm_averages_the_unbiased_variances_over_the_samples",
            ("variance / _samples * _unbiased", "variance * _unbiased"));
        yield return new(
            "the cumulative average counts one batch too many", "StatePropertyTests.The_cumulative_average_gives_every_batch_the_same_weight",
            ("Math.Max(1, _batchesTracked.Value - _emptyBatches)", "(_batchesTracked.Value - _emptyBatches + 1)"));
        yield return new(
            "an empty batch spoils the running statistics", "RunningStatisticsTests.An_empty_batch_counts_and_changes_nothing_else",
            ("if (statistics.GroupCount == 0)", "if (false)"));
        yield return new(
            "running statistics move in evaluation", "StatePropertyTests.Evaluation_changes_no_state_and_remembers_no_pass",
            ("MovesRunningStatistics = takesStatistics && context", "MovesRunningStatistics = given is null && context"));
        yield return new(
            "evaluation uses the batch", "RunningStatisticsTests.Evaluation_reads_the_running_statistics_and_leaves_them",
            ("(!isTraining || _useRunningStatistics)", "false"));
    }

    private static IEnumerable<PlantedBug> Outputs()
    {
        yield return new(
            "x · a + b instead of centering first", "RangeTests.Outputs_far_from_zero_are_within_3_scaled_ulp",
            ("Pivot = pivot,", "Pivot = 0,"), ("bias - ((statistics.Mean - pivot + statistics.MeanLow) * scale)", "bias - (statistics.Mean * scale)"))
        { Type = "Affine" };
        yield return new(
            "the low part of the mean is lost", "RangeTests.Outputs_far_from_zero_are_within_3_scaled_ulp",
            ("bias - ((statistics.Mean - pivot + statistics.MeanLow) * scale)", "bias"));
        yield return new(
            "floats overflow where double would not", "RangeTests.Finite_floats_give_finite_outputs_and_gradients",
            ("NumericRange.Holds<T, TLanes>(scale) && NumericRange.Spans<T, TLanes>(statistics)", "true"));
        yield return new(
            "RmsNorm subtracts the mean", "ForwardTests.RmsNorm_subtracts_no_mean_and_adds_the_machine_epsilon",
            ("ChannelAxis, subtractMean: false", "ChannelAxis, subtractMean: true"));
        yield return new(
            "a NaN leaks into the neighboring group", "NonFiniteTests.A_NaN_in_the_input_stays_in_its_group",
            ("bias = _operands->BiasOf<One>(channel);", "bias = _operands->BiasOf<One>(channel) + (0 * _operands->Statistics[0].Mean);"));
    }

    private static IEnumerable<PlantedBug> Gradients()
    {
        yield return new(
            "the mean of the gradient stays in dx", "GradientPropertyTests.The_input_gradient_of_a_group_sums_to_zero",
            ("Mean = isCentered ? (sums.Sum / count) + (sums.WeightExcess * sums.Pivot) : 0,", "Mean = 0,"));
        yield return new(
            "a power of r is missing in dx", "GradientPropertyTests.The_input_gradient_of_a_group_is_orthogonal_to_its_normalized_input",
            ("-r * (r * (sums.Product / count))", "-r * (sums.Product / count)"));
        yield return new(
            "the gradient of γ is not accumulated", "GradientTests.Parameter_gradients_add_up_and_the_input_gradient_does_not",
            ("TLanes.LoadElements(WeightGradient + channel) + weightGradient", "weightGradient"));
        yield return new(
            "the gradient of β is the gradient of γ", "GradientPropertyTests.The_gradients_of_the_parameters_are_sums_over_the_elements_that_share_them",
            ("TLanes.LoadElements(BiasGradient + channel) + biasGradient", "TLanes.LoadElements(BiasGradient + channel) + weightGradient"));
        yield return new(
            "repeated weights forget the gradient they had", "GradientTests.Parameter_gradients_add_up_and_the_input_gradient_does_not",
            ("Element.FromDouble<T>(Element.ToDouble(gradient[i]) + sum)", "Element.FromDouble<T>(sum)"));
        yield return new(
            "wrong channel stride backward", Formula,
            ("unit < units; unit += _layout->CoefficientPeriod", "unit < _layout.Units; unit += _layout.UnitsPerGroup"));
        yield return new(
            "the first tile of a long row is left out of its sums", "GradientTests.Training_gradients_are_the_closed_form",
            ("nint tile = 0; tile < tiles", "nint tile = 1; tile < tiles"));
        yield return new(
            "every tile of a row takes the weights of the first", "SameBitsTests.Many_long_rows_have_the_bits_that_they_have_alone",
            ("T* weight = rows.Weight + first;", "T* weight = rows.Weight;"), ("T* weights = rows.Weight + first;", "T* weights = rows.Weight;"));
        yield return new(
            "the gradient of fixed statistics is that of the batch's", "GradientTests.Evaluation_gradients_are_the_closed_form",
            ("= (pass.Mode.HasFixedStatistics, elementsPerGroup)", "= (false, elementsPerGroup)"));
    }

    private static IEnumerable<PlantedBug> Sharing()
    {
        yield return new(
            "wrong group index", Formula, ("StatisticsPeriod = n * groups", "StatisticsPeriod = groups"));
        yield return new(
            "wrong channel stride", "ForwardTests.Doubles_are_within_1e_13_of_the_formula_in_training",
            ("Unit = new(n, s, c * s)", "Unit = new(n, s, s)"));
        yield return new(
            "InstanceNorm shares statistics between channels", Formula,
            ("Positions(first), _channels, _axis)", "Positions(first), 1, _axis)"));
        yield return new(
            "the last segment of a run is left out", "ForwardTests.Doubles_are_within_1e_13_of_the_formula_in_training",
            ("(length + Thresholds.SegmentLength - 1) / Thresholds.SegmentLength", "length / Thresholds.SegmentLength"));
        yield return new(
            "the tail is skipped", Formula, ("if (tail != 0)", "if (tail > 1)"))
        { Type = "Reduction" };
        yield return new(
            "the columns of a channel run into the next one's", Formula,
            ("Math.Clamp(count - lane, 0, W.Count)", "W.Count"));
        yield return new(
            "a tail element counts twice", Formula, ("long* mask = Mask + tail;", "long* mask = Mask + tail + (tail == 0 ? 0 : 1);"));
    }

    private static IEnumerable<PlantedBug> SameBits()
    {
        const string Degrees = "SameBitsTests.Every_number_of_threads_gives_the_same_bits", Widths = "SameBitsTests.Every_vector_width_gives_the_same_bits";
        yield return new(
            "partial results are cut by the number of threads", Degrees,
            ("public const int SegmentLength = 8192;", "public static int SegmentLength => 8192 / Partition.MaxDegree;"));
        yield return new(
            "a gap between the chunks of two threads", Degrees,
            ("(_count / _chunks * chunk) + Math.Min(chunk, _count % _chunks)", "_count / _chunks * chunk"));
        yield return new(
            "lanes fold in another order at one width", Widths,
            ("first + third + (second + fourth)", "first + second + (third + fourth)"));
        yield return new(
            "one width multiplies and adds in two roundings", Widths,
            ("new(Vector128.FusedMultiplyAdd(left._value, right._value, addend._value))", "new((left._value * right._value) + addend._value)"))
        { Type = "Float128" };
        yield return new(
            "a streamed edge is left out", "SameBitsTests.Streaming_past_the_cache_changes_no_bits",
            ("y, stride, tail, length)", "y, stride, tail + 1, length)"));
        yield return new(
            "a streamed row takes another one's place", "SameBitsTests.Streaming_past_the_cache_changes_no_bits",
            ("RunStreamed<T, V, TRows, TMap, TColumn, Off>(rows, row, target, stride)",
                "RunStreamed<T, V, TRows, TMap, TColumn, Off>(rows, row, target, 0)"));
        yield return new(
            "rows that are written together take the statistics of the first",
            "SameBitsTests.Long_rows_that_are_written_together_have_the_bits_that_they_have_alone",
            ("GroupStatistics<TLanes>.Load(_statistics + first)", "GroupStatistics<TLanes>.Load(_statistics)"));
        yield return new(
            "a streamed store is not aligned", "SameBitsTests.Streaming_past_the_cache_changes_no_bits",
            ("& (RawMemory.LineBytes - 1)) / sizeof(T))", "& (RawMemory.LineBytes - 1)) / sizeof(T) / 2)"));
    }

    private static IEnumerable<PlantedBug> Memory()
    {
        yield return new(
            "a part of a vector reads the whole vector", "GuardTests.No_kernel_touches_a_byte_outside_its_buffers",
            ("V.LoadPart(source, Count)", "V.Load(source)"));
        yield return new(
            "a context allocates at every pass", "AllocationTests.Nothing_is_allocated",
            ("if (_next.Length < groups)", "if (groups > 0)"));
    }

    private static IEnumerable<PlantedBug> State()
    {
        yield return new(
            "a used context keeps its first input", "StatePropertyTests.A_context_used_before_serves_as_well_as_a_new_one",
            ("= (owner, pass.Tensor, groups)", "= (owner, Input ?? pass.Tensor, groups)"));
        yield return new(
            "a used context keeps its first shape", "StatePropertyTests.A_context_used_before_serves_as_well_as_a_new_one",
            ("_plan = plan;", "_plan = Owner is null ? plan : _plan;"));
        yield return new(
            "a cleared context still goes backward", "StrongGuaranteeTests.Calls_in_the_wrong_order_are_refused",
            ("Input = null;\n        Owner = null;", ""))
        { Type = "ForwardContext" };
        yield return new(
            "evaluation remembers its pass", "StatePropertyTests.Evaluation_changes_no_state_and_remembers_no_pass",
            ("mode, mode.IsTraining ? _remembered : null);", "mode, _remembered);"));
    }

    private static IEnumerable<PlantedBug> Validation()
    {
        yield return new(
            "the output is written before its shape is checked", "StatePropertyTests.A_size_off_by_one_anywhere_is_refused_and_nothing_changes",
            ("GuardShape(output, input.Shape, nameof(output));", "output.Fill(T.Zero); GuardShape(output, input.Shape, nameof(output));"));
        yield return new(
            "running statistics move before the output is checked", "StrongGuaranteeTests.An_output_of_another_shape_is_refused",
            ("GuardShape(output, input.Shape, nameof(output));", "OnInputStatistics(new(new GroupStatistics[plan.StatisticsCount], plan.ElementsPerGroup)); GuardShape(output, input.Shape, nameof(output));"));
        yield return new(
            "a partial overlap is let through", "StatePropertyTests.A_partial_overlap_of_any_shift_is_refused_and_nothing_is_written",
            ("(offset != 0 || output.Length != input.Length)", "output.Length != input.Length"));
        yield return new(
            "training writes over its input", "StrongGuaranteeTests.Memory_that_overlaps_is_refused",
            ("if (pass.Source.Overlaps(y))", "if (pass.Source.Length < 0)"));
        yield return new(
            "a span that is too long is let through", "PrimitiveErrorTests.A_wrong_argument_is_refused_before_anything_is_written",
            ("if (span.Length != expected)", "if (span.Length < expected)"));
        yield return new(
            "a NaN is a momentum", "ConstructorErrorTests.A_value_outside_its_range_is_refused_by_name_and_value",
            ("!(value >= 0 && value <= 1)", "(value < 0 || value > 1)"));
        yield return new(
            "one value per channel has a variance", "StrongGuaranteeTests.A_wrong_shape_is_refused_naming_expected_and_given",
            ("if (plan.ElementsPerGroup == 1)", "if (plan.ElementsPerGroup < 1)"))
        { Type = "BatchNorm" };
    }

    private static IEnumerable<PlantedBug> Tensors()
    {
        yield return new(
            "the number of elements overflows", "TensorTests.Shapes_that_cannot_be_are_refused",
            ("long length = 1;", "int length = 1;"));
        yield return new(
            "an index is column-major", "TensorPropertyTests.An_index_finds_the_element_in_row_major_order",
            ("(offset * _shape[i]) + indices[i]", "(offset * _shape[^(i + 1)]) + indices[^(i + 1)]"));
        yield return new(
            "the last index is one past the end", "TensorPropertyTests.An_index_outside_any_dimension_is_refused",
            ("(uint)indices[i] >= (uint)_shape[i]", "(uint)indices[i] > (uint)_shape[i]"));
        yield return new(
            "a clone shares its memory", "TensorPropertyTests.A_clone_is_equal_and_has_memory_of_its_own",
            ("Tensor<T> result = Uninitialized(_shape);", "Tensor<T> result = new(Memory, _shape);"));
    }
}
