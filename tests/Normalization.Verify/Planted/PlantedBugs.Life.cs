namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Life()
    {
        yield return new(
            "running statistics follow a pass that they must not follow",
            "RecomputationTests.A_pass_that_running_statistics_do_not_follow_leaves_them_and_their_count",
            ("MovesRunningStatistics = takesStatistics && context is not { UpdateRunningStatistics: false }", "MovesRunningStatistics = takesStatistics"));
        yield return new(
            "a repeated pass is a new one", "RecomputationTests.A_repeated_pass_counts_once_and_sends_no_message",
            ("if (context is { IsRecomputation: true })", "if (context is { IsRecomputation: true, Owner: null })"));
        yield return new(
            "a repeated pass takes any input", "RecomputationTests.A_pass_that_cannot_be_repeated_is_refused_and_nothing_changes",
            ("context.GuardSameInput(pass.Input);", "{ }"));
        yield return new(
            "a released input stays", "RecomputationTests.A_released_input_is_not_kept_and_a_repeated_pass_brings_it_back",
            ("using Usage usage = Use(this);\n        Input = null;\n    }", "using Usage usage = Use(this);\n    }"));
        yield return new(
            "a biased running variance is not the biased one", "RecomputationTests.The_biased_running_variance_divides_by_the_number_of_elements",
            ("double unbiased = isBiased ? 1 : count / (count - 1);", "double unbiased = count / (count - 1);"));
        yield return new(
            "the variance between batches is lost", "RecalibrationTests.The_statistics_are_those_of_all_samples_at_once",
            ("if (isPooled)\n            (variance, varianceLow)", "if (!isPooled)\n            (variance, varianceLow)"));
        yield return new(
            "the population keeps the biased variance", "RecalibrationTests.The_statistics_are_those_of_all_samples_at_once",
            ("isPooled && !isBiased ? all / (all - 1) : 1", "1"));
        yield return new(
            "the average takes the biased variances", "RecalibrationTests.The_average_of_the_batches_is_that_of_the_paper",
            ("isPooled || isBiased ? 1 : elements / (elements - 1)", "1"));
        yield return new(
            "many batches lose digits", "RecalibrationTests.Many_batches_lose_no_digits",
            ("return double.IsFinite(total) ? (total, rest - (total - sum)) : (sum, 0);", "return (sum, 0 * rest * total);"));
        yield return new(
            "a remainder is a piece of its own", "VirtualBatchTests.Each_piece_is_a_batch_of_its_own_and_a_remainder_joins_the_last",
            ("(int)(N / PieceSize);", "(int)((N + PieceSize - 1) / PieceSize);"));
        yield return new(
            "evaluation has virtual batches", "VirtualBatchTests.Evaluation_takes_the_whole_batch_where_it_takes_the_batch",
            ("plan = plan.WithoutPieces;", "_ = plan.WithoutPieces;"));
        yield return new(
            "frozen statistics have pieces", "VirtualBatchTests.Frozen_statistics_have_no_pieces",
            ("Groups = 1, PieceSize = 0 }", "Groups = 1 }"));
        yield return new(
            "running statistics follow every part", "MicroBatchTests.Parts_have_the_bits_of_ranks",
            ("bool isFirst = !_isFollowed;", "bool isFirst = true;"));
        yield return new(
            "sums of the batch before stay", "MicroBatchTests.Several_batches_one_after_another_are_separate",
            ("Array.Clear(_own);", ""));
        yield return new(
            "a part goes backward before the others are observed", "MicroBatchTests.A_wrong_order_of_calls_is_refused_and_nothing_changes",
            ("batch.GuardGradients();", ""));
        yield return new(
            "ranks exchange a message for every part", "MicroBatchTests.Ranks_with_parts_exchange_one_message_each_way",
            ("batch is not { IsMerged: true } ? Ranks : null", "true ? Ranks : null"), ("if (!IsMerged)\n", "ranks?.MergeMoments<T>(new GroupStatistics[_statistics.Length], 0, epsilon);\n        if (!IsMerged)\n"));
        yield return new(
            "an abandoned recalibration goes on", "RecalibrationTests.Mode_momentum_and_counts_are_as_before",
            ("item.Layer.Observer = null;", "_ = item.Layer.Observer;"));
        yield return new(
            "ranks count what synchronized passes have exchanged", "RecalibrationTests.Ranks_that_see_a_part_each_get_the_bits_of_the_whole",
            ("(_layers[i].Layer.Ranks is null ? ranks.Size : 1)", "ranks.Size"));
        yield return new(
            "training after a recalibration starts from rounded statistics",
            "RecalibrationTests.Training_after_it_starts_from_what_was_not_rounded",
            ("(_unrounded[channel], _unrounded[NumFeatures + channel]) = (mean, variance);", "_unrounded[channel] = 0;"));
    }
}
