namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Ranks()
    {
        const string Begin = "        using Synchronization.Call call = Synchronization.BeginForward(mode.Ranks);\n";
        const string Mistakes = "MpiTests.A_mistake_of_one_rank_is_an_error_on_every_rank_and_the_ranks_go_on";
        yield return new(
            "the other ranks are not told of a missing context", "RankFaultTests.A_backward_pass_that_one_rank_refuses_is_an_error_on_all",
            ("context?.Owner != this ? Decide().Ranks", "context is null ? null"));
        yield return new(
            "the other ranks are not told of a missing input", "RankFaultTests.A_forward_pass_that_one_rank_refuses_is_an_error_on_all",
            (Begin + "        ArgumentNullException.ThrowIfNull(input);\n        Tensor<T> output", "        ArgumentNullException.ThrowIfNull(input);\n        Tensor<T> output"));
        yield return new(
            "equal layers are not told apart", "RankFaultTests.Equal_layers_in_another_order_are_an_error_on_all_instead_of_mixed_statistics",
            ("_layer = _numbers.Layers + 1;", "_layer = 1;"));
        yield return new(
            "calls are not counted", "RankFaultTests.A_pass_that_one_rank_began_alone_does_not_mix_batches",
            ("_numbers.Calls++;", ""));
        yield return new(
            "ranks that have lost step stay apart", "RankFaultTests.A_pass_that_one_rank_began_alone_does_not_mix_batches",
            ("(Layers, Calls) = (Math.Max(Layers, layers), Math.Max(Calls, calls))", "(Layers, Calls) = (Math.Max(Layers, layers), Calls)"));
        yield return new(
            "an interrupted rank is counted twice", "RankFaultTests.A_rank_that_is_interrupted_while_it_waits_and_calls_again_is_counted_once",
            ("_arrived--;", ""));
        yield return new(
            "ranks wait for one whose thread was not started",
            "RankFaultTests.Ranks_whose_threads_run_do_not_wait_for_one_whose_thread_could_not_be_started",
            ("ranks[started].Dispose();", ""));
        yield return new(
            "ranks wait for one whose gather is refused", "RankFaultTests.A_gather_that_one_rank_refuses_is_an_error_on_all",
            ("_barrier.Refuse(Rank);", ""));
        yield return new(
            "other frozen parameters are not noticed",
            "GradientReductionTests.Different_frozen_parameters_are_an_error_on_every_rank_and_change_nothing",
            ("frozen != 0 && ", "frozen > collective.Size && "));
        yield return new(
            "other lengths of parameters are not noticed",
            "GradientReductionTests.Parameters_of_other_lengths_are_an_error_on_every_rank_even_if_they_have_as_many_values",
            ("(signature * 31) + ", "signature + "));
        yield return new(
            "the average is over the other ranks", "GradientReductionTests.The_average_is_the_sum_divided_by_the_ranks",
            ("Divide(sums, collective.Size, sums)", "Divide(sums, collective.Size - 1, sums)"));
        yield return new(
            "a frozen gradient is overwritten", "GradientReductionTests.A_frozen_gradient_stays_and_costs_no_bytes",
            ("parameter.RequiresGradient ? parameter.Gradient.Length : 0", "parameter.Gradient.Length"));
        yield return new(
            "different calls of processes are not noticed", Mistakes,
            ("(own[0], own[1], own[2], own[3]) = ((double)kind,", "(own[0], own[1], own[2], own[3]) = (kind == Kind.Refusal ? 0 : 1,"));
        yield return new(
            "processes add in another order than that of the ranks", "MpiTests.Processes_get_the_bits_that_threads_get",
            ("TensorPrimitives.Add(values, ValuesOf(rank,", "TensorPrimitives.Add(values, ValuesOf(ranks.Size - 1 - rank,"));
        yield return new(
            "who waits does not hear of ranks that end",
            "MpiTests.A_rank_that_ends_in_order_before_the_others_does_not_leave_them_waiting",
            ("if (wait.IsLong && HearNews())", "if (false)"));
        yield return new(
            "groups are never freed", "MpiTests.Groups_that_are_disposed_make_room_for_others",
            ("MpiLibrary.Check(NativeMethods.MPI_Comm_free(ref _handle), nameof(NativeMethods.MPI_Comm_free));", ""));
    }
}
