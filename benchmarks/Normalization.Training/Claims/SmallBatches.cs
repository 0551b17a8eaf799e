using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class SmallBatches : IClaim
{
    private const int FullExamples = 4096;
    private const int BaseBatch = 32;
    private const int Smallest = 2;

    private static readonly int[] _batches = [BaseBatch, 16, 8, 4, Smallest];
    private static readonly double[] _rates = [0.01, 0.03, 0.1];

    private static readonly NormalizationKind[] _kinds =
        [NormalizationKind.BatchNorm, NormalizationKind.GroupNorm];

    private static readonly Criterion _batchNorm = Criterion.AtLeast(
        0.02, Unit.Points, $"rise of BatchNorm's test error from batches of {BaseBatch} to batches of {Smallest}");
    private static readonly Criterion _groupNorm = Criterion.AtMost(0.01, Unit.Points, "the same for GroupNorm");

    public string Name => "small-batches";

    public string Title => "BatchNorm suffers from small batches, GroupNorm does not";

    public string Source => "Wu and He 2018, abstract and figure 1";

    public string Statement =>
        "“BN's error increases rapidly when the batch size becomes smaller, caused by inaccurate batch statistics estimation”: from 23.6 "
        + "to 34.7 % between 32 and 2 images, while GroupNorm stays at 24.1 %.";

    public string Experiment =>
        $"A network of seven 3x3 convolutions sees {FullExamples:N0} images in batches of {BaseBatch} down to {Smallest}. The learning "
        + $"rate for batches of {BaseBatch} is chosen for each layer on validation images, and scaled in proportion to the batch. The "
        + "error is that on test images.";

    public string Meaning =>
        "In a deep network with only a few images in a batch GroupNorm is the safe choice, or synchronize BatchNorm over the processes; in "
        + "a network as small as this one measure first, because BatchNorm may not suffer.";

    public IReadOnlyList<string> Layers => ["BatchNorm", "GroupNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_batchNorm, _groupNorm];

    public Outcome Run(Laboratory laboratory)
    {
        Score Train((NormalizationKind Kind, int Batch, double Rate) setting, int seed) => laboratory.Score(
            Architectures.DeepConvolutional(setting.Kind, laboratory.Data.Train.Side, seed),
            new TrainingSettings
            {
                LearningRate = setting.Rate * setting.Batch / BaseBatch,
                BatchSize = setting.Batch,
                Steps = laboratory.Steps(FullExamples / setting.Batch),
                Seed = seed,
            });

        var sweep = laboratory.Tune(_kinds, _rates, (kind, rate, seed) => Train((kind, BaseBatch, rate), seed), score => score.Validation);
        var scores = laboratory.ForEach(_kinds.SelectMany(kind => _batches[1..].Select(batch => (kind, batch, sweep[kind].Rate))), Train);

        Score[] Runs(NormalizationKind kind, int batch) => batch == BaseBatch ? sweep[kind].Runs : scores[(kind, batch, sweep[kind].Rate)];
        Estimate Error(NormalizationKind kind, int batch) => Estimate.Of(Runs(kind, batch), s => 1 - s.Test);
        Estimate Rise(NormalizationKind kind) => Estimate.Difference(Runs(kind, BaseBatch), Runs(kind, Smallest), s => s.Test);

        Estimate batchNorm = Rise(NormalizationKind.BatchNorm), groupNorm = Rise(NormalizationKind.GroupNorm);
        double highest = _kinds.Max(kind => _batches.Max(batch => Error(kind, batch).Mean + Error(kind, batch).HalfWidth));
        return new Outcome(
            $"error changes by {batchNorm.Format(Unit.Points)} with BatchNorm, by {groupNorm.Format(Unit.Points)} with GroupNorm",
            $"From batches of {BaseBatch} to {Smallest} the error went from "
            + $"{Error(NormalizationKind.BatchNorm, BaseBatch).Format(Unit.Percent)} to "
            + $"{Error(NormalizationKind.BatchNorm, Smallest).Format(Unit.Percent)} with BatchNorm, and from "
            + $"{Error(NormalizationKind.GroupNorm, BaseBatch).Format(Unit.Percent)} to "
            + $"{Error(NormalizationKind.GroupNorm, Smallest).Format(Unit.Percent)} with GroupNorm.",
            [_batchNorm.Judge(batchNorm), _groupNorm.Judge(groupNorm)])
        {
            Charts =
            [
                new Panel(
                    "Test error by batch size",
                    Axis.Logarithmic([.. _batches.Select(batch => (double)batch)], "images in a batch"),
                        Axis.Percent(0, Math.Ceiling(highest * 20) / 20),
                    [.. _kinds.Select(kind => Lines.Line(kind, _batches.Select(batch => ((double)batch, Error(kind, batch)))))]),
            ],
            Tables =
            [
                new Grid(
                    "Test error",
                    ["batch", .. _kinds.Select(kind => kind.DisplayName())],
                    [
                        .. _batches.Select(batch =>
                            (string[])[$"{batch}", .. _kinds.Select(kind => Error(kind, batch).Format(Unit.Percent))]),
                        [$"rate at {BaseBatch}", .. _kinds.Select(kind => sweep[kind].RateText)],
                    ]),
            ],
        };
    }
}
