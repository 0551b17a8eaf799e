using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Style : IClaim
{
    private const int FullSteps = 300;
    private const double Low = 0.3;
    private const double Bright = 0.5;

    private static readonly double[] _contrasts = [0.1, 0.2, Low, 0.5, 0.7, 1];
    private static readonly double[] _brightnesses = [0, 0.25, Bright, 0.75, 1];
    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];
    private static readonly NormalizationKind[] _kinds = Enum.GetValues<NormalizationKind>();

    private static readonly Criterion _instanceNorm = Criterion.AtMost(
        0.05, Unit.Points, $"accuracy that InstanceNorm loses to contrast {Low} and brightness + {Bright}, the larger of the two");
    private static readonly Criterion _batchNorm = Criterion.AtLeast(0.1, Unit.Points, "the same for BatchNorm");

    public string Name => "style";

    public string Title => "InstanceNorm takes contrast and brightness out of an image";

    public string Source => "Ulyanov et al. 2016, section 2";

    public string Statement =>
        "What a network makes of an image should not depend on its contrast. InstanceNorm removes the contrast of each image; BatchNorm, "
        + "whose statistics are those of all images, cannot.";

    public string Experiment =>
        "A network of four 3x3 convolutions learns the images as they are for 300 steps, the learning rate chosen on validation images. "
        + "Then contrast (x times a factor) and brightness (plus a constant) of the test images are changed.";

    public string Meaning =>
        "Where contrast and brightness say nothing, as in style transfer, take InstanceNorm; where they carry meaning, it throws that "
        + "away.";

    public IReadOnlyList<string> Layers => ["InstanceNorm", "BatchNorm"];

    public IReadOnlyList<Criterion> Rule => [_instanceNorm, _batchNorm];

    public Outcome Run(Laboratory laboratory)
    {
        IReadOnlyDictionary<NormalizationKind, Tuned<Looks>> looks = laboratory.Tune(
            _kinds, _rates, (kind, rate, seed) => Train(laboratory, kind, rate, seed), l => l.Validation);
        Looks[] Best(NormalizationKind kind) => looks[kind].Runs;
        Estimate Contrast(NormalizationKind kind, double contrast) =>
            Estimate.Of(Best(kind), l => l.Contrast[Array.IndexOf(_contrasts, contrast)]);
        Estimate Brightness(NormalizationKind kind, double brightness) =>
            Estimate.Of(Best(kind), l => l.Brightness[Array.IndexOf(_brightnesses, brightness)]);
        Estimate Loss(NormalizationKind kind) => Estimate.Of(
            Best(kind), l =>
                l.Contrast[^1] - Math.Min(l.Contrast[Array.IndexOf(_contrasts, Low)], l.Brightness[Array.IndexOf(_brightnesses, Bright)]));

        return new Outcome(
            $"InstanceNorm loses {Loss(NormalizationKind.InstanceNorm).Format(Unit.Points)}, BatchNorm "
            + $"{Loss(NormalizationKind.BatchNorm).Format(Unit.Points)}",
            "To the worse of the two changes the accuracy lost " + string.Join(", ",
                _kinds.Select(kind => $"{Loss(kind).Format(Unit.Points)} ({kind.DisplayName()})"))
            + ". LayerNorm and GroupNorm normalize each image too.",
            [_instanceNorm.Judge(Loss(NormalizationKind.InstanceNorm)), _batchNorm.Judge(Loss(NormalizationKind.BatchNorm))])
        {
            Charts =
            [
                new Panel(
                    "Test accuracy by contrast", Axis.Linear(0, 1, "contrast"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind, _contrasts.Select(c => (c, Contrast(kind, c)))))]),
                new Panel(
                    "Test accuracy by brightness", Axis.Linear(0, 1, "added to every pixel"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind, _brightnesses.Select(b => (b, Brightness(kind, b)))))]),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy",
                    ["images", .. _kinds.Select(kind => kind.DisplayName())],
                    [
                        .. _contrasts.Reverse()
                            .Select(c => (string[])[$"contrast {c}", .. _kinds.Select(kind => Contrast(kind, c).Format(Unit.Percent))]),
                        .. _brightnesses.Skip(1)
                            .Select(b =>
                                (string[])[$"brightness + {b}", .. _kinds.Select(kind => Brightness(kind, b).Format(Unit.Percent))]),
                        ["rate", .. _kinds.Select(kind => looks[kind].RateText)],
                    ]),
            ],
        };
    }

    private static Looks Train(Laboratory laboratory, NormalizationKind kind, double rate, int seed)
    {
        Network network = Architectures.Convolutional(kind, laboratory.Data.Train.Side, seed);
        int steps = laboratory.Steps(FullSteps);
        TrainingRun run = laboratory.Train(
            network, new TrainingSettings { LearningRate = rate, Steps = steps, StepsBetweenTests = steps, Seed = seed },
                laboratory.Data.Validation);
        ImageSet test = laboratory.Data.Test;
        return new Looks(
            run.Accuracy,
            run.Diverged,
            [.. _contrasts.Select(c => Evaluation.Accuracy(network, test.Map(x => (float)c * x)))],
            [.. _brightnesses.Select(b => Evaluation.Accuracy(network, test.Map(x => x + (float)b)))]);
    }

    /// <summary>The accuracies of a network on validation images, and on test images of each contrast and brightness.</summary>
    private sealed record Looks(double Validation, bool Diverged, IReadOnlyList<double> Contrast, IReadOnlyList<double> Brightness) : IRun;
}
