namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Passes()
    {
        yield return new(
            "a pass that fails has overwritten the statistics that were remembered",
            "PassTests.A_pass_that_fails_leaves_the_pass_before_it_remembered",
            ("(_statistics, _next) = (_next, _statistics);", ""),
            ("return _next.AsSpan(0, groups);", "(_statistics, _next) = (_next, _statistics); return _statistics.AsSpan(0, groups);"));
        yield return new(
            "evaluation keeps the input of training",
            "PassTests.Evaluation_lets_go_of_the_input_of_training", ("        ForgetForward();", ""));
        yield return new(
            "a layer cannot let go of its input", "PassTests.A_layer_that_forgets_its_pass_lets_go_of_the_input",
            ("public void ForgetForward() => _remembered.Clear();", "public void ForgetForward() { }"));
        yield return new(
            "a changed input gives wrong gradients",
            "ChangedInputTests.An_input_that_changed_before_backward_is_an_error_that_says_so",
            ("pass.Context.GuardUnchanged(x);", "_ = x.Length;"));
        yield return new(
            "an input that backward does not read must not change",
            "ChangedInputTests.Where_backward_does_not_read_the_input_it_may_have_changed",
            ("if (!pass.Context.HasFixedStatistics || changesGradient || Weight is { RequiresGradient: true })", "if (true)"));
        yield return new(
            "samples of the input are compared by value", "ChangedInputTests.A_zero_that_changed_its_sign_has_changed",
            ("!Element.HaveSameBits(input[position], samples[i])", "!input[position].Equals(samples[i])"));
        yield return new(
            "a NaN in the input is a change", "ChangedInputTests.Values_that_are_unequal_to_themselves_have_not_changed",
            ("!Element.HaveSameBits(input[position], samples[i])", "input[position] != samples[i]"));
        yield return new(
            "only the beginning of the input is compared",
            "ChangedInputTests.A_sixteenth_of_the_input_does_not_change_unnoticed_wherever_it_lies",
            ("(int)((length * (((long)sample << FractionBits) | (ushort)(sample * GoldenRatio))) >> (CountBits + FractionBits))", "sample"));
        yield return new(
            "two passes share a context", "PassTests.A_pass_that_begins_inside_another_one_does_not_mix_with_it",
            ("if (context is not null && Interlocked.CompareExchange(ref context._isInUse, 1, 0) != 0)", "if (false)"));
        yield return new(
            "a context stays taken after its pass", "PassTests.A_pass_that_begins_inside_another_one_does_not_mix_with_it",
            ("Volatile.Write(ref _context._isInUse, 0);", "_ = _context;"));
        yield return new(
            "a pass asks the layer twice what it is to do",
            "PassTests.A_layer_that_is_switched_during_a_pass_ends_the_pass_as_it_began_it",
            ("        if (mode.Fixed is FixedStatistics<T> given)", "        if (FixedStatisticsFor(IsTraining) is FixedStatistics<T> given)"));
        yield return new(
            "the plan of a pass is not compared with its memory",
            "PassTests.Kernels_get_no_memory_that_does_not_have_the_planned_size",
            ("Guard.Length(x, plan.Elements, \"input\", \"the product of its shape\");", ""));
        yield return new(
            "a context allocates where the rank changes",
            "AllocationTests.Inputs_of_one_rank_and_another_in_turn_allocate_nothing",
            ("if (_shape.Length < rank)", "if (_shape.Length != rank)"));
        foreach (PlantedBug bug in RunningAverages())
            yield return bug;
    }

    private static IEnumerable<PlantedBug> RunningAverages()
    {
        yield return new(
            "running statistics in float stand still",
            "RunningAverageTests.The_cumulative_average_of_many_batches_goes_on_moving_in_float",
            ("if (_unrounded == null)", "if (true)"));
        yield return new(
            "what somebody writes to the running statistics is ignored",
            "RunningAverageTests.Running_statistics_that_somebody_sets_are_where_the_next_batch_starts",
            ("if (TLanes.AreAtMost(rounded, stored) && TLanes.AreAtMost(stored, rounded))", "if (true)"));
        yield return new(
            "a loaded state goes on with what was lost in rounding before",
            "RunningAverageTests.Running_statistics_that_somebody_sets_are_where_the_next_batch_starts",
            ("            OnStateLoaded();", ""));
        yield return new(
            "a momentum of zero takes a NaN", "RunningAverageTests.A_momentum_of_zero_takes_nothing_from_a_batch_that_is_not_finite",
            ("if (momentum == 0)", "if (momentum < 0)"));
        yield return new(
            "an empty batch has a weight in the cumulative average",
            "RunningAverageTests.An_empty_batch_has_no_weight_in_the_cumulative_average",
            ("_emptyBatches++;", ""));
        yield return new(
            "the count of batches wraps", "RunningAverageTests.A_count_of_batches_at_its_limit_stays_there",
            ("_value < long.MaxValue ? 1 : 0", "1"));
    }
}
