using MathNet.Numerics.Statistics;
using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class TrainAndEval : IClaim
{
    private const int FewSteps = 10;
    private const int ManySteps = 1000;
    private const int CompanyCount = 8;
    private const int BatchOfFour = 4;

    private static readonly int[] _moments = [FewSteps, 30, 100, 300, ManySteps];

    private static readonly Follower[] _followers =
    [
        new("momentum 0.1", Palette.Blue, 0.1), new("momentum 0.01", Palette.Vermilion, 0.01),
            new("cumulative average", Palette.Green, null),
    ];

    private static readonly Criterion _company = Criterion.AtLeast(
        0.01, Unit.Percent, $"test images whose class changes with their company, with statistics of batches of {CompanyCount}");
    private static readonly Criterion _alone = Criterion.AtMost(0, Unit.Percent, "the same with running statistics");
    private static readonly Criterion _early = Criterion.AtLeast(
        0.1, Unit.Points, $"accuracy lost to statistics of the batch after {FewSteps} steps, with momentum 0.01");
    private static readonly Criterion _late = Criterion.AtMost(
        0.02, Unit.Points, $"the same after {ManySteps} steps, with the worst momentum");
    private static readonly Criterion _unbiased = Criterion.AtMost(
        0.05, Unit.Percent, $"running variance from batches of {BatchOfFour}, away from the variance over all images");
    private static readonly Criterion _biased = Criterion.AtLeast(
        0.15, Unit.Percent, "by how much the mean of the biased variances of the same batches lies below it");

    public string Name => "train-and-eval";

    public string Title => "Training and evaluation differ";

    public string Source => "Ioffe and Szegedy 2015, section 3.1 and algorithm 2";

    public string Statement =>
        "Normalization that depends on the batch is neither necessary nor desirable in inference: the output should depend on the input "
        + "alone. Running averages take its place, of the unbiased variance; they need time, and a small momentum needs more of it.";

    public string Experiment =>
        "A perceptron of three hidden layers of 64 ReLU units with BatchNorm, batches of 32, rate 0.05. Its accuracy on test images is "
        + "measured with statistics of batches of 64 and with running statistics of three kinds. Then each test image is classified in "
        + $"two different companies. Last, one layer sees 3,000 batches of {BatchOfFour} training images, and its running variance is "
        + "compared with the variance over all of them.";

    public string Meaning =>
        "Call Eval() before you use a network, and give running statistics some hundred steps, or a larger momentum, before you trust a "
        + "test.";

    public IReadOnlyList<string> Layers => ["BatchNorm", "RunningStatisticsLayer"];

    public IReadOnlyList<Criterion> Rule => [_company, _alone, _early, _late, _unbiased, _biased];

    public Outcome Run(Laboratory laboratory)
    {
        int[] moments = [.. _moments.Select(laboratory.Steps).Distinct()];
        IReadOnlyDictionary<Follower, Course[]> courses =
            laboratory.ForEach(_followers, (follower, seed) => Watch(laboratory, follower, moments, seed));
        const string Variances = "variances";
        Ratio[] ratios = laboratory.ForEach([Variances], (_, seed) => Compare(laboratory, seed))[Variances];

        Estimate Lost(Follower follower, int moment) => Estimate.Of(courses[follower], c => c.Batch[moment] - c.Running[moment]);
        Estimate company = Estimate.Of(courses[_followers[0]], c => c.ChangedByCompany);
        Estimate alone = Estimate.Of(courses[_followers[0]], c => c.ChangedAlone);
        Estimate early = Lost(_followers[1], 0);
        Estimate late = _followers.Select(follower => Lost(follower, moments.Length - 1)).MaxBy(e => e.Mean);
        Estimate unbiased = Estimate.Of(ratios, r => r.Unbiased), biased = Estimate.Of(ratios, r => r.Biased);
        return new Outcome(
            $"company changes {company.Format(Unit.Percent)} of classes",
            $"Company changed the class of {company.Format(Unit.Percent)} of the test images with batch statistics, of "
            + $"{alone.Format(Unit.Percent)} with running ones. After {moments[0]} steps momentum 0.01 cost {early.Format(Unit.Points)}, "
            + $"after {moments[^1]} the worst cost {late.Format(Unit.Points)}. Running variances were {unbiased.Format(Unit.Number)} of "
            + $"the true ones, biased ones {biased.Format(Unit.Number)}.",
            [
                _company.Judge(company), _alone.Judge(alone), _early.Judge(early), _late.Judge(late),
                _unbiased.Judge(Estimate.Of(ratios, r => Math.Abs(r.Unbiased - 1))), _biased.Judge(Estimate.Of(ratios, r => 1 - r.Biased)),
            ])
        {
            Charts =
            [
                new Panel(
                    "Test accuracy by kind of statistics",
                    Axis.Logarithmic([.. moments.Select(m => (double)m)], "training steps"), Axis.Percent(),
                    [
                        Lines.Line("batch statistics", Palette.Grey,
                            moments.Select((m, i) => ((double)m, Estimate.Of(courses[_followers[0]], c => c.Batch[i])))),
                        .. _followers.Select(f =>
                            Lines.Line(f.Name, f.Color, moments.Select((m, i) => ((double)m, Estimate.Of(courses[f], c => c.Running[i]))))),
                    ]),
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy after so many steps",
                    ["statistics", .. moments.Select(m => $"{m}")],
                    [
                        (string[])["of the batch",
                            .. moments.Select((_, i) => Estimate.Of(courses[_followers[0]], c => c.Batch[i]).Format(Unit.Percent))],
                        .. _followers.Select(f =>
                            (string[])[f.Name,
                                .. moments.Select((_, i) => Estimate.Of(courses[f], c => c.Running[i]).Format(Unit.Percent))]),
                    ]),
            ],
        };
    }

    private static Course Watch(Laboratory laboratory, Follower follower, int[] moments, int seed)
    {
        var norms = new List<BatchNorm1d<float>>();
        ImageSet test = laboratory.Data.Test;
        Network network = new Perceptron(test.PixelCount)
        {
            BeforeActivation = (width, _) =>
            {
                norms.Add(new BatchNorm1d<float>(width, momentum: follower.Momentum));
                return [new Normalized(norms[^1])];
            },
        }.Create(seed);

        int[] inOrder = [.. Enumerable.Range(0, test.Count)];
        var course = new Course();
        var settings = new TrainingSettings { LearningRate = 0.05, Steps = moments[^1], StepsBetweenTests = moments[^1], Seed = seed };
        laboratory.Train(network, settings, laboratory.Data.Validation, step: step =>
        {
            if (moments.Contains(step))
            {
                course.Batch.Add(Right(test, ClassifyByBatch(network, norms, test, inOrder, 64)));
                course.Running.Add(Evaluation.Accuracy(network, test));
            }
        });

        int[] shuffled = [.. inOrder];
        new Random(seed).Shuffle(shuffled);
        course.ChangedByCompany = Different(
            ClassifyByBatch(network, norms, test, inOrder, CompanyCount), ClassifyByBatch(network, norms, test, shuffled, CompanyCount));
        network.Eval();
        course.ChangedAlone = Different(Classify(network, test, inOrder, CompanyCount), Classify(network, test, shuffled, CompanyCount));
        return course;
    }

    /// <summary>Classifies in training mode, but leaves the running statistics as they are: with momentum 0 nothing moves them.</summary>
    private static int[] ClassifyByBatch(Network network, List<BatchNorm1d<float>> norms, ImageSet images, int[] order, int batchSize)
    {
        (double? Momentum, long Batches)[] kept = [.. norms.Select(norm => (norm.Momentum, norm.BatchesTracked))];
        norms.ForEach(norm => norm.Momentum = 0);
        int[] classes = Classify(network, images, order, batchSize);
        for (int i = 0; i < norms.Count; i++)
            (norms[i].Momentum, norms[i].BatchesTracked) = kept[i];

        return classes;
    }

    /// <summary>The class of every image, computed in batches of this order, all of them full: the last one begins earlier.</summary>
    private static int[] Classify(Network network, ImageSet images, int[] order, int batchSize)
    {
        var classes = new int[order.Length];
        var labels = new int[batchSize];
        var batch = new Tensor<float>(batchSize, images.PixelCount);
        for (int start = 0; start < order.Length; start += batchSize)
        {
            ReadOnlySpan<int> chosen = order.AsSpan(Math.Min(start, order.Length - batchSize), batchSize);
            images.CopyTo(chosen, batch, labels);
            int[] found = SoftmaxCrossEntropy.Classes(network.Forward(batch));
            for (int i = 0; i < chosen.Length; i++)
                classes[chosen[i]] = found[i];
        }

        return classes;
    }

    /// <summary>What share of the classes differs between the two.</summary>
    private static double Different(int[] a, int[] b) => a.Zip(b).Average(pair => pair.First == pair.Second ? 0.0 : 1.0);

    private static double Right(ImageSet images, int[] classes) => 1 - Different(classes, images.Labels.ToArray());

    /// <summary>The running variance of a layer after many small batches, and the mean of their biased variances,
    /// both over the variance of all images; mean over the pixels that vary.</summary>
    private static Ratio Compare(Laboratory laboratory, int seed)
    {
        ImageSet train = laboratory.Data.Train;
        int width = train.PixelCount;
        var norm = new BatchNorm1d<float>(width, momentum: null, affine: false);
        var batches = new Batches(train, [width], BatchOfFour);
        var random = new Random(seed);
        var biased = new double[width];
        int count = laboratory.Steps(3000);
        for (int i = 0; i < count; i++)
        {
            Tensor<float> images = batches.NextRandom(random).Images;
            norm.Forward(images);
            for (int pixel = 0; pixel < width; pixel++)
                biased[pixel] += images.Column(pixel).PopulationVariance() / count;
        }

        Tensor<float> all = new Batches(train, [width], train.Count).InOrder().First().Images;
        double[] variances = [.. Enumerable.Range(0, width).Select(pixel => all.Column(pixel).PopulationVariance())];

        // Pixels that are almost always empty have next to no variance to compare with.
        int[] varying = [.. Enumerable.Range(0, width).Where(pixel => variances[pixel] > 0.1 * variances.Max())];
        return new Ratio(
            varying.Average(pixel => norm.RunningVariance!.Span[pixel] / variances[pixel]),
            varying.Average(pixel => biased[pixel] / variances[pixel]));
    }

    /// <summary>How running statistics follow those of the batches.</summary>
    private sealed record Follower(string Name, string Color, double? Momentum);

    private sealed record Ratio(double Unbiased, double Biased);

    /// <summary>The accuracies at each moment, and the shares of images whose class depended on their company.</summary>
    private sealed class Course
    {
        public List<double> Batch { get; } = [];

        public List<double> Running { get; } = [];

        public double ChangedByCompany { get; set; }

        public double ChangedAlone { get; set; }
    }
}
