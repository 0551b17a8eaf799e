using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class GammaBeta : IClaim
{
    private const int FullSteps = 1000;
    private const int Depth = 5;
    private const int BatchSize = 64;

    private static readonly double[] _rates = [0.03, 0.1, 0.3, 1];

    private static readonly Choice _both = new("γ and β", Palette.Blue, true, true);
    private static readonly Choice _neither = new("neither", Palette.Grey, false, false);

    private static readonly Choice[] _choices =
        [_both, new("only γ", Palette.Orange, true, false), new("only β", Palette.Green, false, true), _neither];

    private static readonly Criterion _restores = Criterion.AtMost(
        1e-5, Unit.Small, "farthest from its input that a layer with γ = √(σ² + ε) and β = μ comes, in deviations");
    private static readonly Criterion _needed = Criterion.AtLeast(
        0.005, Unit.Points, "test accuracy with γ and β over neither");

    public string Name => "gamma-beta";

    public string Title => "γ and β give back what normalization takes away";

    public string Source => "Ioffe and Szegedy 2015, section 3";

    public string Statement =>
        "“Simply normalizing each input of a layer may change what the layer can represent”: it would hold a sigmoid in its linear part. "
        + "γ and β can make the layer the identity, “if that were the optimal thing to do”.";

    public string Experiment =>
        $"A layer gets the deviation of its batch as γ and the mean as β, for {BatchSize} images after a random linear step. Then "
        + $"perceptrons of {Depth} hidden layers of 64 sigmoids train with γ and β, one of them, or neither (the frozen one stays 1 or "
        + "0), 1,000 steps; the learning rate of each is chosen on validation images.";

    public string Meaning =>
        "Keep γ and β: they cost two numbers for each channel, and the layer can then be anything from normalized to the identity; but "
        + "do not expect accuracy from them in a small network.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 10;

    public IReadOnlyList<Criterion> Rule => [_restores, _needed];

    public Outcome Run(Laboratory laboratory)
    {
        var scores = laboratory.Tune(
            _choices, _rates,
            (choice, rate, seed) => laboratory.Score(
                Create(choice, laboratory.Data.Train.PixelCount, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);
        double[] distances = laboratory.ForEach([_both], (_, seed) => DistanceFromIdentity(laboratory, seed))[_both];

        Estimate Test(Choice choice) => Estimate.Of(scores[choice].Runs, s => s.Test);
        Estimate needed = Estimate.Difference(scores[_both].Runs, scores[_neither].Runs, s => s.Test);
        return new Outcome(
            $"both over neither: {needed.Format(Unit.Points)}; farthest from the identity {distances.Max():0.0e+0} deviations",
            $"Test accuracy: {string.Join(", ", _choices.Select(c => $"{Test(c).Format(Unit.Percent)} with {c.Name}"))}.",
            [_restores.Judge(Estimate.Of(distances)), _needed.Judge(needed)])
        {
            Charts =
            [
                Lines.ByRate(
                    "Validation accuracy by learning rate", [.. _choices.Select(c => (c.Name, c.Color, scores[c]))], r => r.Validation),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy at the best rate", ["trained", "rate", "accuracy"],
                    [.. _choices.Select(c => (string[])[c.Name, scores[c].RateText, Test(c).Format(Unit.Percent)])]),
            ],
        };
    }

    private static Network Create(Choice choice, int inputs, int seed) => new Perceptron(inputs)
    {
        Depth = Depth,
        Activation = () => new Sigmoid(),
        BeforeActivation = (width, _) =>
        {
            var norm = new BatchNorm1d<float>(width);
            norm.Weight!.RequiresGradient = choice.TrainsWeight;
            norm.Bias!.RequiresGradient = choice.TrainsBias;
            return [new Normalized(norm)];
        },
    }.Create(seed);

    /// <summary>How far the output is from the input at most when γ and β are the statistics of the batch, in deviations of the
    /// channel.</summary>
    private static double DistanceFromIdentity(Laboratory laboratory, int seed)
    {
        const int Width = 64;
        Batch batch = new Batches(laboratory.Data.Train, [laboratory.Data.Train.PixelCount], BatchSize).NextRandom(new Random(seed));
        Tensor<float> input = new Linear(laboratory.Data.Train.PixelCount, Width, 0.2, new Random(seed)).Forward(batch.Images);
        var norm = new BatchNorm1d<float>(Width, momentum: 1);
        norm.Forward(input);

        // Running variances are unbiased; the variance that normalizes is not.
        double bias = (BatchSize - 1.0) / BatchSize;
        double[] deviations = [.. Enumerable.Range(0, Width).Select(c => Math.Sqrt(norm.RunningVariance!.Span[c] * bias + norm.Epsilon))];
        for (int c = 0; c < Width; c++)
        {
            norm.Weight!.Value.Span[c] = (float)deviations[c];
            norm.Bias!.Value.Span[c] = norm.RunningMean!.Span[c];
        }

        Tensor<float> output = norm.Forward(input);
        return Enumerable.Range(0, input.Length).Max(i => Math.Abs((double)output.Span[i] - input.Span[i]) / deviations[i % Width]);
    }

    private sealed record Choice(string Name, string Color, bool TrainsWeight, bool TrainsBias);
}
