using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Regularization : IClaim
{
    private const int FullSteps = 1000;
    private const int ImageCount = 256;

    private static readonly double[] _dropouts = [0, 0.2, 0.5];
    private static readonly double[] _decays = [0, 1e-4, 1e-3, 1e-2];
    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];
    private static readonly NormalizationKind[] _kinds = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly Criterion _needed = Criterion.AtLeast(
        0.005, Unit.Points, "gain in test accuracy by the best dropout and weight decay, without BatchNorm");
    private static readonly Criterion _lessNeeded = Criterion.AtLeast(
        0.005, Unit.Points, "by how much that gain is smaller with BatchNorm");

    public string Name => "regularization";

    public string Title => "With BatchNorm less dropout and less weight decay are needed";

    public string Source => "Ioffe and Szegedy 2015, abstract and section 4.2.1";

    public string Statement => "“It also acts as a regularizer, in some cases eliminating the need for Dropout”; weight decay is made five times smaller.";

    public string Experiment =>
        $"A perceptron of three hidden layers of 64 ReLU units on only {ImageCount} images, so that there is something to overfit, 1,000 steps. "
        + "The learning rate is chosen on validation images without dropout and weight decay, then dropout and weight decay are; the gain "
        + "is measured on test images.";

    public IReadOnlyList<Criterion> Rule => [_needed, _lessNeeded];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet few = laboratory.Data.Train.Some(ImageCount);
        Score Train(Setting setting, int seed) => laboratory.Score(
            Create(setting, few.PixelCount, seed),
            new TrainingSettings
            {
                LearningRate = setting.Rate,
                WeightDecay = setting.Decay,
                Steps = laboratory.Steps(FullSteps),
                Seed = seed,
            },
            few);

        IReadOnlyDictionary<Setting, Score[]> plain = laboratory.ForEach(
            _kinds.SelectMany(kind => _rates.Select(rate => new Setting(kind, rate, 0, 0))), Train);
        Dictionary<NormalizationKind, Setting> bare = _kinds.ToDictionary(kind => kind, kind => plain.Keys.Where(s => s.Kind == kind).MaxBy(Validation(plain))!);
        Setting[] grid = [.. _kinds.SelectMany(kind => _dropouts.SelectMany(p => _decays.Select(d => bare[kind] with { Dropout = p, Decay = d })))];
        IReadOnlyDictionary<Setting, Score[]> scores = laboratory.ForEach(grid, Train);

        Setting Best(NormalizationKind kind) => grid.Where(s => s.Kind == kind).MaxBy(Validation(scores))!;
        double[] Gains(NormalizationKind kind) => [.. scores[Best(kind)].Zip(scores[bare[kind]], (best, none) => best.Test - none.Test)];
        Estimate Test(Setting setting) => Estimate.Of(scores[setting], s => s.Test);

        double[] without = Gains(NormalizationKind.None), with = Gains(NormalizationKind.BatchNorm);
        Setting bestWithout = Best(NormalizationKind.None), bestWith = Best(NormalizationKind.BatchNorm);
        return new Outcome(
            $"regularization gains {Estimate.Of(without).Format(Unit.Points)} without, {Estimate.Of(with).Format(Unit.Points)} with",
            $"Without BatchNorm dropout {bestWithout.Dropout} and weight decay {bestWithout.Decay} were best and gained "
            + $"{Estimate.Of(without).Format(Unit.Points)}; with it dropout {bestWith.Dropout} and weight decay {bestWith.Decay}, "
            + $"which gained {Estimate.Of(with).Format(Unit.Points)}.",
            [_needed.Judge(Estimate.Of(without)), _lessNeeded.Judge(Estimate.Of(without.Zip(with, (a, b) => a - b)))])
        {
            Charts =
            [
                new Panel(
                    "Test accuracy by dropout, no weight decay", Axis.Linear(0, 0.5, "dropout"), AccuracyAxis(scores),
                    [.. _kinds.Select(kind => Lines.Line(kind.DisplayName(), kind.Color(), _dropouts.Select(p => (p, Test(bare[kind] with { Dropout = p })))))]),
                new Panel(
                    "Test accuracy by weight decay, no dropout", Axis.Logarithmic([.. _decays[1..]], "weight decay"), AccuracyAxis(scores),
                    [.. _kinds.Select(kind => Lines.Line(kind.DisplayName(), kind.Color(), _decays[1..].Select(d => (d, Test(bare[kind] with { Decay = d })))))]),
            ],
            Tables =
            [
                .. _kinds.Select(kind => new Grid(
                    $"Test accuracy, {kind.DisplayName()} (rate {bare[kind].Rate})",
                    ["dropout", .. _decays.Select(d => $"decay {d}")],
                    [.. _dropouts.Select(p => (string[])[$"{p}", .. _decays.Select(d => Test(bare[kind] with { Dropout = p, Decay = d }).Format(Unit.Percent))])])),
            ],
        };
    }

    private static Func<Setting, double> Validation(IReadOnlyDictionary<Setting, Score[]> scores) => setting => scores[setting].Average(s => s.Validation);

    /// <summary>The accuracies are close together: the axis begins a little below them.</summary>
    private static Axis AccuracyAxis(IReadOnlyDictionary<Setting, Score[]> scores) =>
        Axis.Percent(Math.Floor(scores.Values.Min(s => Estimate.Of(s, x => x.Test).Mean) * 20 - 0.5) / 20);

    private static Network Create(Setting setting, int inputs, int seed) => new Perceptron(inputs)
    {
        BeforeActivation = (width, _) => setting.Kind.ForFeatures(width),
        AfterActivation = random => setting.Dropout > 0 ? [new Dropout(setting.Dropout, random)] : [],
    }.Create(seed);

    private sealed record Setting(NormalizationKind Kind, double Rate, double Dropout, double Decay);
}
