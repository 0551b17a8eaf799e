using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class VirtualBatches : IClaim
{
    private const int FullSteps = 300;
    private const int ImageCount = 512;
    private const int BatchSize = 256;
    private const int Smallest = 2;

    private static readonly int[] _sizes = [Smallest, 4, 8, 16, 64, BatchSize];
    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3];

    private static readonly Criterion _tooLarge = Criterion.AtLeast(
        0.003, Unit.Points, $"test accuracy with statistics of the best size of pieces over those of all {BatchSize} images");
    private static readonly Criterion _tooSmall = Criterion.AtLeast(
        0.01, Unit.Points, $"test accuracy with statistics of the best size of pieces over those of {Smallest} images");

    public string Name => "virtual-batches";

    public string Title => "A batch too large gives too little noise, too small too much";

    public string Source => "Hoffer, Hubara and Soudry 2017, section 4; Wu and He 2018, introduction";

    public string Statement =>
        "Large batches generalize worse; with statistics over small virtual batches (“ghost batches”) they do better. Statistics of very "
        + "few images are too inaccurate.";

    public string Experiment =>
        $"A perceptron of three hidden layers of 64 ReLU units on {ImageCount} images, batches of {BatchSize}, {FullSteps} steps. On one "
        + $"device, BatchNorm takes its statistics over pieces of each batch, of {Smallest} to {BatchSize} images. The learning rate of "
        + "each size, and the best size, are chosen on validation images.";

    public string Meaning =>
        "If you train with large batches, statistics over pieces of them are one more thing to try; never let a piece have only a few "
        + "images.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_tooLarge, _tooSmall];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet few = laboratory.Data.Train.Some(ImageCount);
        var scores = laboratory.Tune(
            _sizes, _rates,
            (size, rate, seed) => laboratory.Score(
                new Perceptron(few.PixelCount) { BeforeActivation = (width, _) => [new Normalized(new BatchNorm1d<float>(width) { VirtualBatchSize = size })] }.Create(seed),
                new TrainingSettings { LearningRate = rate, BatchSize = BatchSize, Steps = laboratory.Steps(FullSteps), Seed = seed }, few),
            score => score.Validation);

        int best = _sizes.MaxBy(size => scores[size].Runs.Average(s => s.Validation));
        Estimate Test(int size) => Estimate.Of(scores[size].Runs, s => s.Test);
        Estimate Over(int size) => Estimate.Difference(scores[best].Runs, scores[size].Runs, s => s.Test);
        return new Outcome(
            $"pieces of {best} over the whole batch: {Over(BatchSize).Format(Unit.Points)}; over pieces of {Smallest}: "
            + $"{Over(Smallest).Format(Unit.Points)}",
            $"Best on validation images were pieces of {best}: {Test(best).Format(Unit.Percent)} of the test images, against "
            + $"{Test(BatchSize).Format(Unit.Percent)} with all {BatchSize} and {Test(Smallest).Format(Unit.Percent)} with {Smallest}.",
            [_tooLarge.Judge(Over(BatchSize)), _tooSmall.Judge(Over(Smallest))])
        {
            Charts =
            [
                new Panel(
                    "Accuracy by images that share statistics",
                    Axis.Logarithmic([.. _sizes.Select(size => (double)size)], "images"),
                    Axis.Percent(Math.Floor(_sizes.Min(size => Test(size).Mean) * 20 - 0.5) / 20),
                    [
                        Lines.Line("training", Palette.Grey,
                            _sizes.Select(size => ((double)size, Estimate.Of(scores[size].Runs, s => s.Train)))),
                        Lines.Line("test", Palette.Blue, _sizes.Select(size => ((double)size, Test(size)))),
                    ]),
            ],
            Tables =
            [
                new Grid(
                    $"Statistics of pieces of a batch of {BatchSize}",
                    ["images", "rate", "training", "test"],
                    [
                        .. _sizes.Select(size => (string[])
                            [$"{size}", scores[size].RateText, Estimate.Of(scores[size].Runs, s => s.Train).Format(Unit.Percent),
                                Test(size).Format(Unit.Percent)]),
                    ]),
            ],
        };
    }
}
