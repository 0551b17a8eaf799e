using MathNet.Numerics.Statistics;
using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class EqualMoments : IClaim
{
    private const int FullSteps = 400;
    private const int Depth = 3;
    private const double Rate = 0.05;

    private static readonly double[] _shares = [0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.9, 0.95, 0.98, 0.99];

    private static readonly Criterion _means = Criterion.AtMost(0.01, Unit.Small, "difference of the means of the two layers, in "
        + "deviations");
    private static readonly Criterion _deviations = Criterion.AtMost(0.01, Unit.Small, "difference of their standard deviations");
    private static readonly Criterion _distance = Criterion.AtLeast(
        0.02, Unit.Percent, "largest distance between the distribution functions of the two layers (Kolmogorov and Smirnov)");
    private static readonly Criterion _chance = Criterion.AtMost(
        0.01, Unit.Percent, "the same between two halves of the images in one layer, which is what chance gives");

    public string Name => "equal-moments";

    public string Title => "Equal mean and variance are not an equal distribution";

    public string Source => "Santurkar et al. 2018, section 2";

    public string Statement =>
        "BatchNorm gives every unit mean 0 and variance 1. That fixes two numbers of a distribution, not its shape: layers with the same "
        + "moments can have different quantiles.";

    public string Experiment =>
        $"A perceptron of {Depth} hidden layers of 64 ReLU units with BatchNorm (without γ and β) learns for {FullSteps} steps at rate "
        + $"{Rate}. Then the normalized values of the first and the last hidden layer are compared over all training images: moments, "
        + "quantiles, and the distance of the distributions.";

    public string Meaning =>
        "Do not take normalized for normally distributed: what a layer sees can still be skewed, heavy-tailed, or split in two.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_means, _deviations, _distance, _chance];

    public Outcome Run(Laboratory laboratory)
    {
        const string Layers = "layers";
        Shapes[] shapes = laboratory.ForEach([Layers], (_, seed) => Observe(laboratory, seed))[Layers];
        Estimate distance = Estimate.Of(shapes, s => s.Distance), chance = Estimate.Of(shapes, s => s.Chance);
        Estimate First(int i) => Estimate.Of(shapes, s => s.First[i]);
        Estimate Last(int i) => Estimate.Of(shapes, s => s.Last[i]);
        int low = Array.IndexOf(_shares, 0.15), median = Array.IndexOf(_shares, 0.5), high = Array.IndexOf(_shares, 0.99);
        return new Outcome(
            $"same moments, distributions {distance.Format(Unit.Percent)} apart; two halves of the images {chance.Format(Unit.Percent)}",
            $"Quantiles in deviations, first and last hidden layer: at 15 % {First(low).Format(Unit.Number)} and "
            + $"{Last(low).Format(Unit.Number)}, median {First(median).Format(Unit.Number)} and {Last(median).Format(Unit.Number)}, at 99 "
            + $"% {First(high).Format(Unit.Number)} and {Last(high).Format(Unit.Number)}.",
            [
                _means.Judge(Estimate.Of(shapes, s => s.MeanDifference)),
                    _deviations.Judge(Estimate.Of(shapes, s => s.DeviationDifference)),
                _distance.Judge(distance), _chance.Judge(chance),
            ])
        {
            Charts =
            [
                new Panel(
                    "Quantiles of the normalized values, in deviations", Axis.Percent() with { Title = "share of the values below" },
                        Axis.Linear(-3, 4),
                    [
                        Lines.Line("first hidden layer", Palette.Blue, _shares.Select((p, i) => (p, First(i)))),
                        Lines.Line("last hidden layer", Palette.Vermilion, _shares.Select((p, i) => (p, Last(i)))),
                    ]),
            ],
            Tables =
            [
                new Grid(
                    "Quantiles", ["share", "first hidden layer", "last hidden layer"],
                    [.. _shares.Select((p, i) => (string[])[$"{p:P0}", First(i).Format(Unit.Number), Last(i).Format(Unit.Number)])]),
            ],
        };
    }

    private static Shapes Observe(Laboratory laboratory, int seed)
    {
        var probes = new List<Probe>();
        Network network = new Perceptron(laboratory.Data.Train.PixelCount)
        {
            Depth = Depth,
            BeforeActivation = (width, _) =>
            {
                probes.Add(new Probe());
                return [new Normalized(new BatchNorm1d<float>(width, affine: false)), probes[^1]];
            },
        }.Create(seed);
        int steps = laboratory.Steps(FullSteps);
        laboratory.Train(
            network, new TrainingSettings { LearningRate = Rate, Steps = steps, StepsBetweenTests = steps, Seed = seed },
                laboratory.Data.Validation);

        // In training mode with all images as one batch, so that the moments are those of exactly these values.
        network.Forward(new Batches(laboratory.Data.Train, network.InputShape, laboratory.Data.Train.Count).InOrder().First().Images);
        double[] first = Values(probes[0]), last = Values(probes[^1]);
        (double firstMean, double firstDeviation) = first.MeanStandardDeviation();
        (double lastMean, double lastDeviation) = last.MeanStandardDeviation();
        double[] lower = [.. last.Take(last.Length / 2).Order()], upper = [.. last.Skip(last.Length / 2).Order()];
        Array.Sort(first);
        Array.Sort(last);
        return new Shapes(
            Math.Abs(firstMean - lastMean), Math.Abs(firstDeviation - lastDeviation), Distance(first, last), Distance(lower, upper),
            [.. _shares.Select(p => SortedArrayStatistics.Quantile(first, p))],
                [.. _shares.Select(p => SortedArrayStatistics.Quantile(last, p))]);
    }

    private static double[] Values(Probe probe) => Array.ConvertAll(probe.Seen!.Span.ToArray(), x => (double)x);

    /// <summary>The largest difference between the shares of two sorted lists that lie below any value.</summary>
    private static double Distance(double[] a, double[] b)
    {
        double largest = 0;
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            double value = Math.Min(a[i], b[j]);
            while (i < a.Length && a[i] <= value)
                i++;

            while (j < b.Length && b[j] <= value)
                j++;

            largest = Math.Max(largest, Math.Abs((double)i / a.Length - (double)j / b.Length));
        }

        return largest;
    }

    /// <summary>What differs between the first and the last hidden layer, and their quantiles.</summary>
    private sealed record Shapes(
        double MeanDifference, double DeviationDifference, double Distance, double Chance, IReadOnlyList<double> First,
            IReadOnlyList<double> Last);
}
