using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Placement : IClaim
{
    private const int FullSteps = 400;

    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];

    private static readonly Place _before = new("before the activation", Palette.Blue, true, true);
    private static readonly Place _withoutBias = new("before, no bias", Palette.Green, true, false);
    private static readonly Place _after = new("after the activation", Palette.Vermilion, false, true);
    private static readonly Place[] _places = [_before, _withoutBias, _after];

    private static readonly (string Name, Func<ILayer> Create)[] _activations =
        [("ReLU", () => new Relu()), ("sigmoid", () => new Sigmoid())];

    private static readonly Criterion[] _beforeIsBetter =
    [
        .. _activations.Select(a => Criterion.AtLeast(0.005, Unit.Points, "test accuracy with BatchNorm before the activation over "
            + $"after it, {a.Name}")),
    ];

    private static readonly Criterion _biasGains = Criterion.AtMost(0.005, Unit.Points, "test accuracy with a bias before BatchNorm over "
        + "without it, ReLU");
    private static readonly Criterion _biasLoses = Criterion.AtMost(0.005, Unit.Points, "test accuracy without a bias before BatchNorm "
        + "over with it, ReLU");
    private static readonly Criterion _biasGradient = Criterion.AtMost(
        1e-4, Unit.Small, "norm of the gradient by the biases before BatchNorm, as a share of that by the weights");

    public string Name => "placement";

    public string Title => "BatchNorm belongs before the activation, and makes the bias before it redundant";

    public string Source => "Ioffe and Szegedy 2015, section 3.2";

    public string Statement =>
        "BatchNorm stands right before the nonlinearity, since what comes out of a linear step is “more likely to have a symmetric, "
        + "non-sparse distribution”; and the bias “can be ignored since its effect will be canceled by the subsequent mean subtraction”.";

    public string Experiment =>
        "Perceptrons of three hidden layers of 64 units, with ReLU or sigmoid, 400 steps: BatchNorm before the activation, before it "
        + "without a bias in the linear steps, and after it. The learning rate of each is chosen on validation images. The gradients are "
        + "those of the first step.";

    public string Meaning =>
        "Leave out the bias of a linear step or convolution that BatchNorm follows; whether it stands before or after the activation is "
        + "worth one try.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [.. _beforeIsBetter, _biasGains, _biasLoses, _biasGradient];

    public Outcome Run(Laboratory laboratory)
    {
        var scores = laboratory.Tune(
            Enumerable.Range(0, _activations.Length).SelectMany(a => _places.Select(place => (Activation: a, Place: place))), _rates,
            (s, rate, seed) => laboratory.Score(
                Create(laboratory, s.Activation, s.Place, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);
        double[] shares =
            laboratory.ForEach([_before], (place, seed) => BiasShare(laboratory, Create(laboratory, 0, place, seed)))[_before];

        Estimate Test(int activation, Place place) => Estimate.Of(scores[(activation, place)].Runs, s => s.Test);
        Estimate Over(int activation, Place a, Place b) =>
            Estimate.Difference(scores[(activation, a)].Runs, scores[(activation, b)].Runs, s => s.Test);
        Estimate share = Estimate.Of(shares);
        return new Outcome(
            $"before over after: {string.Join(", ", _activations.Select((a, i) => $"{Over(i, _before, _after).Format(Unit.Points)} ({a.Name})"))}; "
            + $"with a bias over without: {Over(0, _before, _withoutBias).Format(Unit.Points)}",
            "Test accuracy: " + string.Join("; ", _activations.Select((a, i) =>
                $"{a.Name} {string.Join(", ", _places.Select(place => $"{Test(i, place).Format(Unit.Percent)} {place.Name}"))}"))
            + $". The gradient by the biases had {share.Format(Unit.Small)} of the norm of that by the weights: rounding errors.",
            [
                .. _beforeIsBetter.Select((criterion, i) => criterion.Judge(Over(i, _before, _after))),
                _biasGains.Judge(Over(0, _before, _withoutBias)), _biasLoses.Judge(Over(0, _withoutBias, _before)),
                    _biasGradient.Judge(share),
            ])
        {
            Charts =
            [
                .. _activations.Select((a, i) => Lines.ByRate(
                    $"Validation accuracy by learning rate, {a.Name}",
                    [.. _places.Select(p => (p.Name, p.Color, scores[(i, p)]))], r => r.Validation)),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy at the best rate",
                    ["activation", .. _places.Select(place => place.Name)],
                    [.. _activations.Select((a, i) => (string[])
                        [a.Name, .. _places.Select(p => $"{Test(i, p).Format(Unit.Percent)}, rate {scores[(i, p)].RateText}")])]),
            ],
        };
    }

    private static Network Create(Laboratory laboratory, int activation, Place place, int seed) =>
        new Perceptron(laboratory.Data.Train.PixelCount)
        {
            HasBias = place.HasBias,
            Activation = _activations[activation].Create,
            BeforeActivation = (width, _) => place.IsBefore ? NormalizationKind.BatchNorm.ForFeatures(width) : [],
            AfterActivation = (width, _) => place.IsBefore ? [] : NormalizationKind.BatchNorm.ForFeatures(width),
        }.Create(seed);

    /// <summary>The norm of the gradient by the hidden biases over that by the hidden weights, of one batch.</summary>
    private static double BiasShare(Laboratory laboratory, Network network)
    {
        Batch batch = new Batches(laboratory.Data.Train, network.InputShape, 32).InOrder().First();
        var gradient = new Tensor<float>(32, Data.ImageSet.ClassCount);
        SoftmaxCrossEntropy.Loss(network.Forward(batch.Images), batch.Labels, gradient);
        network.Backward(gradient);

        // Each hidden layer has a matrix, a bias, and γ and β; the classifier has a matrix and a bias.
        Parameter<float>[] hidden = [.. network.Parameters.SkipLast(2)];
        return Norm(hidden.Where((_, i) => i % 4 == 1)) / Norm(hidden.Where((_, i) => i % 4 == 0));

        static double Norm(IEnumerable<Parameter<float>> parameters) =>
            Math.Sqrt(parameters.Sum(p => p.Gradient.Span.ToArray().Sum(x => (double)x * x)));
    }

    private sealed record Place(string Name, string Color, bool IsBefore, bool HasBias);
}
