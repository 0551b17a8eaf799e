using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Augmentation : IClaim
{
    private const int FullSteps = 1000;
    private const int ImageCount = 256;
    private const int Variants = 16;
    private const int Width = 128;

    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];

    private static readonly Distortion _none = new("none", 0, 0);
    private static readonly Distortion _shifts = new("shifts by up to half a pixel", 0.5, 0);
    private static readonly Distortion _turns = new("rotations by up to 10 degrees", 0, 10);
    private static readonly Distortion[] _distortions =
        [_none, _shifts, new("shifts by up to a pixel", 1, 0), _turns, new("both", 0.5, 10)];

    private static readonly NormalizationKind[] _kinds = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly Criterion _shiftGain = Criterion.AtLeast(
        0.005, Unit.Points, "by how much the gain in test accuracy by shifts (half a pixel) is smaller with BatchNorm");
    private static readonly Criterion _turnGain = Criterion.AtLeast(
        0.005, Unit.Points, "by how much the gain in test accuracy by rotations is smaller with BatchNorm");

    public string Name => "augmentation";

    public string Title => "With BatchNorm less augmentation is needed";

    public string Source => "Ioffe and Szegedy 2015, section 4.2.1";

    public string Statement =>
        "“Reduce the photometric distortions. Because batch-normalized networks train faster and observe each training example fewer "
        + "times, we let the trainer focus on more ‘real’ images by distorting them less.”";

    public string Experiment =>
        $"A perceptron of three hidden layers of {Width} ReLU units learns {ImageCount} images for 1,000 steps, as they are or as "
        + $"{Variants} distorted variants of each: shifted, turned, or both, by random amounts. The learning rate is chosen on validation "
        + "images without distortion.";

    public string Meaning =>
        "Augmentation that fits your data helps with BatchNorm too: test it before you take it away.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_shiftGain, _turnGain];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet few = laboratory.Data.Train.Some(ImageCount);
        Score Train(NormalizationKind kind, double rate, Distortion distortion, int seed) => laboratory.Score(
            new Perceptron(few.PixelCount) { Width = Width, ReluAfter = kind }.Create(seed),
            new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed },
            distortion == _none ? few : distortion.Apply(few, Variants, new Random(seed)));

        var plain = laboratory.Tune(_kinds, _rates, (kind, rate, seed) => Train(kind, rate, _none, seed), s => s.Validation);
        var distorted = laboratory.ForEach(
            _kinds.SelectMany(kind => _distortions[1..].Select(distortion => (Kind: kind, Distortion: distortion))),
            (s, seed) => Train(s.Kind, plain[s.Kind].Rate, s.Distortion, seed));

        Score[] Runs(NormalizationKind kind, Distortion distortion) => distortion == _none ? plain[kind].Runs
            : distorted[(kind, distortion)];
        double[] Gains(NormalizationKind kind, Distortion distortion) =>
            [.. Runs(kind, distortion).Zip(Runs(kind, _none), (with, without) => with.Test - without.Test)];
        string Gain(NormalizationKind kind, Distortion distortion) => Estimate.Of(Gains(kind, distortion)).Format(Unit.Points);
        Estimate Less(Distortion distortion) => Estimate.Difference(
            Gains(NormalizationKind.None, distortion), Gains(NormalizationKind.BatchNorm, distortion), gain => gain);
        return new Outcome(
            $"shifts gain {Gain(NormalizationKind.None, _shifts)} without, {Gain(NormalizationKind.BatchNorm, _shifts)} with; rotations "
            + $"{Gain(NormalizationKind.None, _turns)} and {Gain(NormalizationKind.BatchNorm, _turns)}",
            "Gains without and with BatchNorm: " + string.Join("; ", _distortions[1..].Select(d =>
                $"{d.Name}: {Gain(NormalizationKind.None, d)}, {Gain(NormalizationKind.BatchNorm, d)}")) + ".",
            [_shiftGain.Judge(Less(_shifts)), _turnGain.Judge(Less(_turns))])
        {
            Charts =
            [
                new Panel(
                    "Test accuracy by distortion (1 none, 2 and 3 shifts, 4 rotations, 5 both)",
                        Axis.Linear(1, _distortions.Length, "distortion"),
                    Axis.Percent(Math.Floor(_kinds.Min(k => _distortions.Min(d => Runs(k, d).Average(s => s.Test))) * 20 - 0.5) / 20),
                    [.. _kinds.Select(kind =>
                        Lines.Line(kind, _distortions.Select((d, i) => (i + 1.0, Estimate.Of(Runs(kind, d), s => s.Test)))))]),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy",
                    ["distortion", .. _kinds.Select(kind => $"{kind.DisplayName()}, rate {plain[kind].RateText}")],
                    [.. _distortions.Select(d =>
                        (string[])[d.Name, .. _kinds.Select(kind => Estimate.Of(Runs(kind, d), s => s.Test).Format(Unit.Percent))])]),
            ],
        };
    }
}
