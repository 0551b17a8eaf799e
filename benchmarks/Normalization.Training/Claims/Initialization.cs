using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Initialization : IClaim
{
    private const int FullSteps = 400;

    private static readonly double[] _deviations = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
    private static readonly double[] _rates = [0.0001, 0.001, 0.01, 0.1, 1];
    private static readonly NormalizationKind[] _kinds = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly Criterion _worstWith = Criterion.AtLeast(
        0.9, Unit.Percent, "test accuracy with BatchNorm from the worst initial deviation, as a share of that from the best");
    private static readonly Criterion _worstWithout = Criterion.AtMost(
        0.5, Unit.Percent, "the same without BatchNorm");

    public string Name => "initialization";

    public string Title => "BatchNorm makes careful initialization unnecessary";

    public string Source => "Ioffe and Szegedy 2015, abstract";

    public string Statement => "“Batch Normalization allows us to … be less careful about initialization.”";

    public string Experiment =>
        "A perceptron of five hidden layers of 64 ReLU units whose first hidden weights have a standard deviation from 0.01 to 5 (He's "
        + "would be 0.18). For each deviation the best of five or more learning rates is chosen on validation images; the accuracy is "
        + "that on test images after 400 steps.";

    public string Meaning =>
        "With BatchNorm the scale of the first weights hardly matters; without it, take the one that theory gives.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public IReadOnlyList<Criterion> Rule => [_worstWith, _worstWithout];

    public Outcome Run(Laboratory laboratory)
    {
        IReadOnlyDictionary<Setting, Tuned<Score>> scores = laboratory.Tune(
            _kinds.SelectMany(kind => _deviations.Select(deviation => new Setting(kind, deviation))), _rates,
            (setting, rate, seed) => laboratory.Score(
                Create(setting, laboratory.Data.Train.PixelCount, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);

        Tuned<Score> Best(NormalizationKind kind, double deviation) => scores[new(kind, deviation)];
        Estimate Test(NormalizationKind kind, double deviation) => Estimate.Of(Best(kind, deviation).Runs, s => s.Test);

        // Of each seed, its accuracy from the worst deviation over that from the best one.
        Estimate WorstShare(NormalizationKind kind)
        {
            Score[][] best = [.. _deviations.Select(deviation => Best(kind, deviation).Runs)];
            return Estimate.Of(Enumerable.Range(0, laboratory.SeedCount).Select(i => best.Min(s => s[i].Test) / best.Max(s => s[i].Test)));
        }

        Estimate with = WorstShare(NormalizationKind.BatchNorm), without = WorstShare(NormalizationKind.None);
        return new Outcome(
            $"worst initialization keeps {with.Format(Unit.Percent)} of the accuracy, without {without.Format(Unit.Percent)}",
            $"From the worst initial deviation the network reached {with.Format(Unit.Percent)} of its best accuracy with BatchNorm and "
            + $"{without.Format(Unit.Percent)} without.",
            [_worstWith.Judge(with), _worstWithout.Judge(without)])
        {
            Charts =
            [
                new Panel(
                    "Test accuracy by initial deviation", Axis.Logarithmic(_deviations, "standard deviation of the first weights"),
                        Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind, _deviations.Select(d => (d, Test(kind, d)))))]),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy, at the best rate",
                    ["deviation", .. _kinds.SelectMany(kind => new[] { kind.DisplayName(), "rate" })],
                    [
                        .. _deviations.Select(d => (string[])
                            [$"{d}", .. _kinds.SelectMany(kind => new[] { Test(kind, d).Format(Unit.Percent), Best(kind, d).RateText })]),
                    ]),
            ],
        };
    }

    private static Network Create(Setting setting, int inputs, int seed) => new Perceptron(inputs)
    {
        Depth = 5,
        Deviation = _ => setting.Deviation,
        ReluAfter = setting.Kind,
    }.Create(seed);

    private sealed record Setting(NormalizationKind Kind, double Deviation);
}
