using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Experiments;

/// <summary>One training of the comparison: a network, a learning rate and what normalizes it.</summary>
internal sealed record Experiment(
    string Network, Func<NormalizationKind, int, int, Network> Create, int Side, NormalizationKind Kind, TrainingSettings Settings)
{
    public string GroupTitle => $"{Network}, learning rate {Settings.LearningRate}";

    public string Title => $"{GroupTitle}, {Kind.DisplayName()}";
}

/// <summary>An experiment and what came out.</summary>
internal sealed record Result(Experiment Experiment, TrainingRun Run);

/// <summary>The experiments of the program: two networks, two learning rates, every normalization that makes sense there.</summary>
internal static class Comparison
{
    public const string ConvolutionalName = "conv net";
    public const string PerceptronName = "MLP";

    public static IReadOnlyList<Experiment> Experiments(int side, int seed, bool quick) =>
    [
        .. Group(ConvolutionalName, Architectures.Convolutional, side, learningRate: 0.02, steps: quick ? 40 : 250, seed),
        .. Group(ConvolutionalName, Architectures.Convolutional, side, learningRate: 0.3, steps: quick ? 40 : 250, seed),
        .. Group(PerceptronName, Architectures.SigmoidPerceptron, side, learningRate: 0.02, steps: quick ? 60 : 600, seed),
        .. Group(PerceptronName, Architectures.SigmoidPerceptron, side, learningRate: 0.1, steps: quick ? 60 : 600, seed),
    ];

    /// <summary>InstanceNorm needs more than one number per channel: a perceptron has no such thing.</summary>
    public static bool IsMeaningful(string network, NormalizationKind kind) =>
        network != PerceptronName || kind != NormalizationKind.InstanceNorm;

    public static Result Run(Experiment experiment, Trainer trainer, Action<int> progress, CancellationToken cancellation)
    {
        Network network = experiment.Create(experiment.Kind, experiment.Side, experiment.Settings.Seed);
        return new Result(experiment, trainer.Run(network, experiment.Settings, progress, cancellation));
    }

    /// <summary>The first steps run code that is not compiled to its end yet:
    /// without this, the clocks of the first experiments would show it.</summary>
    public static void WarmUp(IEnumerable<Experiment> experiments, Trainer trainer, CancellationToken cancellation)
    {
        foreach (Experiment experiment in experiments.DistinctBy(e => (e.Network, e.Kind)))
            Run(experiment with { Settings = experiment.Settings with { Steps = 3 } }, trainer, _ => { }, cancellation);
    }

    private static IEnumerable<Experiment> Group(
        string network, Func<NormalizationKind, int, int, Network> create, int side, double learningRate, int steps, int seed)
    {
        var settings = new TrainingSettings { LearningRate = learningRate, Steps = steps, Seed = seed };
        return Enum.GetValues<NormalizationKind>()
            .Where(kind => IsMeaningful(network, kind))
            .Select(kind => new Experiment(network, create, side, kind, settings));
    }
}
