using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Regularization : IClaim
{
    private const int FullSteps = 1000;
    private const int ImageCount = 256;
    private const int Width = 128;

    private static readonly double[] _dropouts = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    private static readonly double[] _decays = [0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2];
    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];
    private static readonly NormalizationKind[] _kinds = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly Criterion _dropoutGain = Criterion.AtLeast(
        0.005, Unit.Points, "by how much the gain in test accuracy by the best dropout is smaller with BatchNorm");
    private static readonly Criterion _decayGain = Criterion.AtLeast(
        0.005, Unit.Points, "by how much the gain in test accuracy by the best weight decay is smaller with BatchNorm");
    private static readonly Criterion _lessDropout = Criterion.AtLeast(
        0.2, Unit.Points, "best dropout without BatchNorm, minus the best with it (the paper: 40 to 50 % against 5 to 10 %)");

    public string Name => "regularization";

    public string Title => "With BatchNorm less dropout and less weight decay are needed";

    public string Source => "Ioffe and Szegedy 2015, abstract and section 4.2.1";

    public string Statement =>
        "“It also acts as a regularizer, in some cases eliminating the need for Dropout”: 5 to 10 % of it instead of 40 to 50 %; weight "
        + "decay is made five times smaller.";

    public string Experiment =>
        $"A perceptron of three hidden layers of {Width} ReLU units on only {ImageCount} images, so that there is something to overfit, "
        + "1,000 steps. The learning rate is chosen on validation images without dropout and weight decay. Then dropout alone and weight "
        + "decay alone are chosen on validation images, for each seed by itself; the gain is measured on test images.";

    public string Meaning =>
        "When you add BatchNorm, choose dropout and weight decay again instead of keeping the old values; do not expect that less is "
        + "better.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_dropoutGain, _decayGain, _lessDropout];

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

        var plain = laboratory.Tune(_kinds, _rates, (kind, rate, seed) => Train(new(kind, rate, 0, 0), seed), s => s.Validation);
        Setting Bare(NormalizationKind kind) => new(kind, plain[kind].Rate, 0, 0);
        Setting[] Dropouts(NormalizationKind kind) => [.. _dropouts.Select(p => Bare(kind) with { Dropout = p })];
        Setting[] Decays(NormalizationKind kind) => [.. _decays.Select(d => Bare(kind) with { Decay = d })];
        var scores = laboratory.ForEach(_kinds.SelectMany(kind => Dropouts(kind).Union(Decays(kind))), Train);

        // Of each seed the setting that is best on its validation images; the smallest of equals.
        Setting[] Best(Setting[] settings) =>
            [.. Enumerable.Range(0, laboratory.SeedCount).Select(seed => settings.MaxBy(s => scores[s][seed].Validation)!)];
        double[] Gains(Setting[] settings) =>
            [.. Best(settings).Select((best, seed) => scores[best][seed].Test - scores[settings[0]][seed].Test)];
        double[] Difference(IEnumerable<double> a, IEnumerable<double> b) => [.. a.Zip(b, (x, y) => x - y)];

        (Setting[] dropout, Setting[] dropoutWith) = (Dropouts(NormalizationKind.None), Dropouts(NormalizationKind.BatchNorm));
        (Setting[] decay, Setting[] decayWith) = (Decays(NormalizationKind.None), Decays(NormalizationKind.BatchNorm));
        double[] chosen = [.. Best(dropout).Select(s => s.Dropout)], chosenWith = [.. Best(dropoutWith).Select(s => s.Dropout)];
        string Gain(Setting[] settings) => Estimate.Of(Gains(settings)).Format(Unit.Points);
        return new Outcome(
            $"dropout gains {Gain(dropout)} without, {Gain(dropoutWith)} with; weight decay {Gain(decay)} and {Gain(decayWith)}",
            $"The best dropout was {Estimate.Of(chosen).Format(Unit.Percent)} without BatchNorm and "
            + $"{Estimate.Of(chosenWith).Format(Unit.Percent)} with it, the best weight decay "
            + $"{Estimate.Of(Best(decay).Select(s => s.Decay)).Format(Unit.Small)} and "
            + $"{Estimate.Of(Best(decayWith).Select(s => s.Decay)).Format(Unit.Small)}. The steps of the grids are coarse.",
            [
                _dropoutGain.Judge(Estimate.Of(Difference(Gains(dropout), Gains(dropoutWith)))),
                _decayGain.Judge(Estimate.Of(Difference(Gains(decay), Gains(decayWith)))),
                _lessDropout.Judge(Estimate.Of(Difference(chosen, chosenWith))),
            ])
        {
            Charts =
            [
                Chart("Test accuracy by dropout, no weight decay", Axis.Linear(0, _dropouts[^1], "dropout"), Dropouts, s => s.Dropout),
                Chart("Test accuracy by weight decay, no dropout", Axis.Logarithmic(_decays[1], _decays[^1], "weight decay"), k =>
                    Decays(k)[1..], s => s.Decay),
            ],
            Tables =
            [
                Table("dropout", _dropouts, (kind, p) => Bare(kind) with { Dropout = p }),
                Table("weight decay", _decays, (kind, d) => Bare(kind) with { Decay = d }),
            ],
        };

        Panel Chart(string title, Axis axis, Func<NormalizationKind, Setting[]> settings, Func<Setting, double> x) => new(
            title, axis, Axis.Percent(Math.Floor(scores.Values.Min(s => s.Average(x => x.Test)) * 20 - 0.5) / 20),
            [.. _kinds.Select(kind => Lines.Line(kind, settings(kind).Select(s => (x(s), Estimate.Of(scores[s], r => r.Test)))))]);

        Grid Table(string name, double[] values, Func<NormalizationKind, double, Setting> setting) => new(
            $"Test accuracy by {name}",
            [name, .. _kinds.Select(kind => $"{kind.DisplayName()}, rate {plain[kind].RateText}")],
            [.. values.Select(v =>
                (string[])[$"{v}", .. _kinds.Select(kind => Estimate.Of(scores[setting(kind, v)], r => r.Test).Format(Unit.Percent))])]);
    }

    private static Network Create(Setting setting, int inputs, int seed) => new Perceptron(inputs)
    {
        Width = Width,
        ReluAfter = setting.Kind,
        AfterActivation = (_, random) => setting.Dropout > 0 ? [new Dropout(setting.Dropout, random)] : [],
    }.Create(seed);

    private sealed record Setting(NormalizationKind Kind, double Rate, double Dropout, double Decay);
}
