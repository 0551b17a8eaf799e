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
            ("context.GuardSameInput(x);", ""));
        yield return new(
            "a released input stays", "RecomputationTests.A_released_input_is_not_kept_and_a_repeated_pass_brings_it_back",
            ("using Usage usage = Use(this);\n        Input = null;\n    }", "using Usage usage = Use(this);\n    }"));
        yield return new(
            "a biased running variance is not the biased one", "RecomputationTests.The_biased_running_variance_divides_by_the_number_of_elements",
            ("isBiased ? 1 : count / (count - 1)", "count / (count - 1)"));
    }
}
