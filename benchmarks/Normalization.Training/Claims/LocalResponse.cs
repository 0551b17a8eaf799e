using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class LocalResponse : IClaim
{
    private const int FullSteps = 250;

    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];

    private static readonly Kind _none = new("none", Palette.Grey, false, false);
    private static readonly Kind _response = new("LocalResponseNorm", Palette.Orange, false, true);
    private static readonly Kind _batchNorm = new("BatchNorm", Palette.Blue, true, false);
    private static readonly Kind _both = new("both", Palette.Violet, true, true);
    private static readonly Kind[] _kinds = [_none, _response, _batchNorm, _both];

    private static readonly Criterion _adds = Criterion.AtMost(
        0.005, Unit.Points, "test accuracy with BatchNorm and LocalResponseNorm over BatchNorm alone");
    private static readonly Criterion _better = Criterion.AtLeast(0.002, Unit.Points, "test accuracy with BatchNorm over "
        + "LocalResponseNorm");

    public string Name => "local-response";

    public string Title => "With BatchNorm, local response normalization is not needed";

    public string Source => "Ioffe and Szegedy 2015, section 4.2.1";

    public string Statement => "“While Inception and other networks benefit from it, we found that with Batch Normalization it is not "
        + "necessary.”";

    public string Experiment =>
        "A network of four 3x3 convolutions, 250 steps, with BatchNorm before each ReLU, LocalResponseNorm after each (AlexNet's "
        + "constants, five channels), both, or neither. The learning rate of each is chosen on validation images.";

    public string Meaning => "Leave LocalResponseNorm out; the library has none, and a network with BatchNorm does not miss it.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 10;

    public IReadOnlyList<Criterion> Rule => [_adds, _better];

    public Outcome Run(Laboratory laboratory)
    {
        var scores = laboratory.Tune(
            _kinds, _rates,
            (kind, rate, seed) => laboratory.Score(
                Create(kind, laboratory.Data.Train.Side, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);

        Estimate Test(Kind kind) => Estimate.Of(scores[kind].Runs, s => s.Test);
        Estimate Over(Kind a, Kind b) => Estimate.Difference(scores[a].Runs, scores[b].Runs, s => s.Test);
        return new Outcome(
            $"both over BatchNorm alone: {Over(_both, _batchNorm).Format(Unit.Points)}; BatchNorm over it: "
            + $"{Over(_batchNorm, _response).Format(Unit.Points)}",
            $"Test accuracy: {string.Join(", ", _kinds.Select(kind => $"{Test(kind).Format(Unit.Percent)} ({kind.Name})"))}.",
            [_adds.Judge(Over(_both, _batchNorm)), _better.Judge(Over(_batchNorm, _response))])
        {
            Charts =
            [
                Lines.ByRate(
                    "Validation accuracy by learning rate", [.. _kinds.Select(k => (k.Name, k.Color, scores[k]))], r => r.Validation),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy at the best rate", ["layers", "rate", "accuracy"],
                    [.. _kinds.Select(k => (string[])[k.Name, scores[k].RateText, Test(k).Format(Unit.Percent)])]),
            ],
        };
    }

    private static Network Create(Kind kind, int side, int seed) => Architectures.Convolutional(
        (channels, size) =>
        [
            (kind.HasBatchNorm ? NormalizationKind.BatchNorm : NormalizationKind.None).ReluForImages(channels, size),
            .. kind.HasResponse ? [new LocalResponseNorm()] : Array.Empty<ILayer>(),
        ],
        side, seed);

    private sealed record Kind(string Name, string Color, bool HasBatchNorm, bool HasResponse);
}
