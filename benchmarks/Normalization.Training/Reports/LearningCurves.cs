using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Reports;

/// <summary>The picture of all trainings: one panel for each network and learning rate.</summary>
internal static class LearningCurves
{
    public static string Draw(IReadOnlyList<Result> results)
    {
        IEnumerable<Panel> panels = results
            .GroupBy(r => r.Experiment.GroupTitle)
            .Select(group => new Panel(group.Key, [.. group.Select(ToSeries)]));
        return SvgChart.Draw("Test accuracy while training on 8x8 digits", "training steps", Comparison.GoodAccuracy, [.. panels]);
    }

    private static Series ToSeries(Result result) => new(
        result.Experiment.Kind.DisplayName(),
        ColorOf(result.Experiment.Kind),
        [.. result.Run.Curve.Select(p => ((double)p.Step, p.Accuracy))]);

    // The palette of Okabe and Ito, which people with any kind of colour vision can tell apart.
    private static string ColorOf(NormalizationKind kind) => kind switch
    {
        NormalizationKind.None => "#444444",
        NormalizationKind.BatchNorm => "#0072b2",
        NormalizationKind.LayerNorm => "#d55e00",
        NormalizationKind.GroupNorm => "#009e73",
        NormalizationKind.InstanceNorm => "#cc79a7",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
