using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Experiments;

/// <summary>Who computes, and over what BatchNorm takes its statistics.</summary>
internal enum Parallelism
{
    OneProcess,
    Synchronized,
    Separate,
}

/// <summary>One data-parallel training: a network, how many images each rank has of a batch, and how the statistics are taken.</summary>
internal sealed record DistributedExperiment(
    string Network, Func<NormalizationKind, int, int, Network> Create, int Side, int ImagesPerRank, Parallelism Parallelism,
        TrainingSettings Settings)
{
    // What the small learning rate of the comparison is: at large ones training magnifies the last bits of a float beyond measure.
    private const double LearningRate = 0.02;

    public string GroupTitle => $"{Network}, {ImagesPerRank} images a rank";

    public string Title => $"{GroupTitle}, {Name}";

    public string Name => Parallelism switch
    {
        Parallelism.OneProcess => "one process",
        Parallelism.Synchronized => "synchronised",
        _ => "separate",
    };

    public static IReadOnlyList<DistributedExperiment> All(int ranks, int side, int seed, bool quick)
    {
        return
        [
            .. Group(Comparison.ConvolutionalName, Architectures.Convolutional, imagesPerRank: 8, steps: 250),
            .. Group(Comparison.ConvolutionalName, Architectures.Convolutional, imagesPerRank: 2, steps: 250),
            .. Group(Comparison.PerceptronName, Architectures.SigmoidPerceptron, imagesPerRank: 8, steps: 600),
            .. Group(Comparison.PerceptronName, Architectures.SigmoidPerceptron, imagesPerRank: 2, steps: 600),
        ];

        IEnumerable<DistributedExperiment> Group(
            string network, Func<NormalizationKind, int, int, Network> create, int imagesPerRank, int steps)
        {
            var settings = new TrainingSettings
            {
                LearningRate = LearningRate,
                Steps = quick ? 10 : steps,
                Seed = seed,
                BatchSize = imagesPerRank * ranks,
            };
            return Enum.GetValues<Parallelism>()
                .Select(parallelism => new DistributedExperiment(network, create, side, imagesPerRank, parallelism, settings));
        }
    }
}

/// <summary>The mean loss of the whole batch at every step, the test accuracy along the way, and the time.</summary>
internal sealed record DistributedResult(
    DistributedExperiment Experiment, IReadOnlyList<double> Losses, IReadOnlyList<CurvePoint> Curve, TimeSpan Time)
{
    private const int LastSteps = 20;

    public double Accuracy => Curve.Count > 0 ? Curve[^1].Accuracy : double.NaN;

    public double FinalLoss => Losses.TakeLast(LastSteps).Average();

    public double LargestDifference(DistributedResult other) => Losses.Zip(other.Losses, (a, b) => Math.Abs(a - b)).Max();
}
