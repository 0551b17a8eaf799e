using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class BatchNoise : IClaim
{
    private const int FullSteps = 500;
    private const int ImageCount = 512;
    private const int Width = 128;
    private const int BatchSize = 64;
    private const int Smallest = 4;
    private const int OrderedBatchSize = 32;

    private static readonly int[] _sizes = [Smallest, 8, 16, 32, BatchSize];
    private static readonly double[] _rates = [0.003, 0.01, 0.03, 0.1];

    private static readonly Criterion _gap = Criterion.AtLeast(
        0.01, Unit.Points, $"gap between training and test accuracy, with statistics of {BatchSize} images over {Smallest}");
    private static readonly Criterion _fixed = Criterion.AtLeast(
        0.005, Unit.Points, "test accuracy with BatchNorm, shuffled batches over fixed ones");

    public string Name => "batch-noise";

    public string Title => "The noise of batch statistics regularizes";

    public string Source => "Ioffe and Szegedy 2015, sections 3.4 and 4.2.1";

    public string Statement =>
        "An image is seen together with others that change from batch to batch, so what the network computes for it is not fixed; this "
        + "helps it generalize. Shuffling, so that not always the same images come together, gained 1 % of validation accuracy.";

    public string Experiment =>
        $"A perceptron of three hidden layers of {Width} ReLU units on {ImageCount} images, batches of {BatchSize}, {FullSteps} steps, "
        + $"the learning rate chosen on validation images. The statistics are taken over pieces of each batch, of {Smallest} to "
        + $"{BatchSize} images (“ghost batches”), so that nothing but their noise changes. Then, with whole batches of "
        + $"{OrderedBatchSize}, the same batches again and again against new ones in each round.";

    public string Meaning =>
        "Shuffle in every round; but do not count on the noise of the statistics as your regularizer.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_gap, _fixed];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet few = laboratory.Data.Train.Some(ImageCount);
        TrainingSettings Settings(double rate, int seed) => new()
        {
            LearningRate = rate,
            BatchSize = BatchSize,
            Steps = laboratory.Steps(FullSteps),
            Seed = seed,
        };

        Score Train(int size, double rate, int seed) => laboratory.Score(
            new Perceptron(few.PixelCount)
            {
                Width = Width,
                BeforeActivation = (width, _) => [new Normalized(new BatchNorm1d<float>(width) { VirtualBatchSize = size })],
            }.Create(seed),
            Settings(rate, seed), few);

        var sweep = laboratory.Tune([BatchSize], _rates, Train, s => s.Validation);
        double rate = sweep[BatchSize].Rate;
        var ghosts = laboratory.ForEach(_sizes, (size, seed) => Train(size, rate, seed));

        Score TrainInOrder((NormalizationKind Kind, double Rate, bool SameBatches) order, int seed) => laboratory.Score(
            new Perceptron(few.PixelCount) { Width = Width, ReluAfter = order.Kind }.Create(seed),
            Settings(order.Rate, seed) with { BatchSize = OrderedBatchSize, SameBatches = order.SameBatches }, few);

        var bare =
            laboratory.Tune([NormalizationKind.None], _rates, (kind, r, seed) => TrainInOrder((kind, r, false), seed), s => s.Validation);
        Dictionary<NormalizationKind, double> rates =
            new() { [NormalizationKind.BatchNorm] = rate, [NormalizationKind.None] = bare[NormalizationKind.None].Rate };
        var ordered = laboratory.ForEach(
            rates.SelectMany(r => new[] { (r.Key, r.Value, false), (r.Key, r.Value, true) }), TrainInOrder);
        Score[] InOrder(NormalizationKind kind, bool sameBatches) => ordered[(kind, rates[kind], sameBatches)];

        Estimate Gap(int size) => Estimate.Of(ghosts[size], s => s.Train - s.Test);
        Estimate Difference(NormalizationKind kind) => Estimate.Difference(InOrder(kind, false), InOrder(kind, true), s => s.Test);
        Estimate gap = Estimate.Difference(ghosts[BatchSize], ghosts[Smallest], s => s.Train - s.Test);
        Estimate difference = Difference(NormalizationKind.BatchNorm);
        return new Outcome(
            $"noise closes {gap.Format(Unit.Points)} of the gap, shuffling gains {difference.Format(Unit.Points)}",
            $"The gap between training and test accuracy was {Gap(BatchSize).Format(Unit.Points)} with statistics of {BatchSize} images "
            + $"and {Gap(Smallest).Format(Unit.Points)} with those of {Smallest}. Shuffling gained {difference.Format(Unit.Points)} with "
            + $"BatchNorm and {Difference(NormalizationKind.None).Format(Unit.Points)} without.",
            [_gap.Judge(gap), _fixed.Judge(difference)])
        {
            Charts =
            [
                new Panel(
                    "Accuracy by images that share statistics",
                    Axis.Logarithmic([.. _sizes.Select(size => (double)size)], "images"), Axis.Percent(0.7),
                    [
                        Lines.Line("training", Palette.Grey,
                            _sizes.Select(size => ((double)size, Estimate.Of(ghosts[size], s => s.Train)))),
                        Lines.Line("test", Palette.Blue, _sizes.Select(size => ((double)size, Estimate.Of(ghosts[size], s => s.Test)))),
                    ]),
            ],
            Tables =
            [
                new Grid(
                    $"Statistics of pieces of a batch of {BatchSize} (rate {sweep[BatchSize].RateText})",
                    ["images", "training", "test", "gap"],
                    [
                        .. _sizes.Select(size => (string[])
                        [
                            $"{size}", Estimate.Of(ghosts[size], s => s.Train).Format(Unit.Percent),
                            Estimate.Of(ghosts[size], s => s.Test).Format(Unit.Percent), Gap(size).Format(Unit.Points),
                        ]),
                    ]),
                new Grid(
                    "Fixed and shuffled batches, test accuracy",
                    ["layer", "shuffled", "fixed", "difference"],
                    [
                        .. rates.Keys.Select(kind => (string[])
                        [
                            $"{kind.DisplayName()}, rate {rates[kind]}",
                                Estimate.Of(InOrder(kind, false), s => s.Test).Format(Unit.Percent),
                            Estimate.Of(InOrder(kind, true), s => s.Test).Format(Unit.Percent), Difference(kind).Format(Unit.Points),
                        ]),
                    ]),
            ],
        };
    }
}
