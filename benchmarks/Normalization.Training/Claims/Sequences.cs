using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Sequences : IClaim
{
    private const int FullSteps = 1000;
    private const int Units = 48;
    private const int Shortest = 6;
    private const int Longest = 12;

    private static readonly int[] _lengths = [6, 8, 10, 12, 16, 20, 24];
    private static readonly double[] _rates = [0.003, 0.01, 0.03, 0.1, 0.3];

    private static readonly NormalizationKind[] _kinds =
        [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm];

    private static readonly Criterion _longer = Criterion.AtLeast(
        0.05, Unit.Points, $"test accuracy on sequences of {2 * Longest}, twice the longest in training, LayerNorm over BatchNorm");
    private static readonly Criterion _faster = Criterion.AtLeast(
        1.2, Unit.Times, "steps to a fair accuracy, without normalization over with LayerNorm");

    public string Name => "sequences";

    public string Title => "For sequences, LayerNorm";

    public string Source => "Ba, Kiros and Hinton 2016, abstract and introduction";

    public string Statement =>
        "BatchNorm needs statistics of their own for each time step, which is problematic where a sequence is longer than any in training. "
        + "LayerNorm is the same at every step, and “can substantially reduce the training time”.";

    public string Experiment =>
        $"A recurrent network of {Units} tanh units reads the rows of an image, stretched to {Shortest} to {Longest} steps, 1,000 training steps. LayerNorm is one layer "
        + "used at every step; BatchNorm is one layer per step, the last of which serves later steps too. The learning rate is chosen on "
        + "validation images.";

    public IReadOnlyList<Criterion> Rule => [_longer, _faster];

    public Outcome Run(Laboratory laboratory)
    {
        IReadOnlyDictionary<(NormalizationKind Kind, double Rate), Reading[]> readings = laboratory.ForEach(
            _kinds.SelectMany(kind => _rates.Select(rate => (kind, rate))), (s, seed) => Train(laboratory, s.kind, s.rate, seed));

        double Rate(NormalizationKind kind) => _rates.MaxBy(rate => readings[(kind, rate)].Average(r => r.Run.Accuracy));
        Reading[] Best(NormalizationKind kind) => readings[(kind, Rate(kind))];
        double Steps(Reading reading) => reading.Run.StepsTo(laboratory.Data.Fair) ?? laboratory.Steps(FullSteps);
        Estimate Test(NormalizationKind kind, int length) => Estimate.Of(Best(kind), r => r.Test[Array.IndexOf(_lengths, length)]);

        Estimate longer = Estimate.Of(Best(NormalizationKind.LayerNorm).Zip(Best(NormalizationKind.BatchNorm), (layer, batch) => layer.Test[^1] - batch.Test[^1]));
        Estimate faster = Estimate.Of(Best(NormalizationKind.None).Zip(Best(NormalizationKind.LayerNorm), (none, layer) => Steps(none) / Steps(layer)));
        return new Outcome(
            $"{longer.Format(Unit.Points)} over BatchNorm on longer sequences, {faster.Format(Unit.Times)} fewer steps than without",
            $"On sequences of {2 * Longest} LayerNorm recognised {Test(NormalizationKind.LayerNorm, 2 * Longest).Format(Unit.Percent)}, BatchNorm "
            + $"{Test(NormalizationKind.BatchNorm, 2 * Longest).Format(Unit.Percent)}, no normalization {Test(NormalizationKind.None, 2 * Longest).Format(Unit.Percent)}. "
            + $"To {laboratory.Data.Fair:P0} it took {Estimate.Of(Best(NormalizationKind.None), Steps).Format(Unit.Steps)} without normalization, "
            + $"{Estimate.Of(Best(NormalizationKind.BatchNorm), Steps).Format(Unit.Steps)} with BatchNorm and "
            + $"{Estimate.Of(Best(NormalizationKind.LayerNorm), Steps).Format(Unit.Steps)} with LayerNorm.",
            [_longer.Judge(longer), _faster.Judge(faster)])
        {
            Charts =
            [
                new Panel(
                    $"Test accuracy (trained on {Shortest} to {Longest} steps)", Axis.Linear(Shortest, 2 * Longest, "steps of the sequence"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind.DisplayName(), kind.Color(), _lengths.Select(length => ((double)length, Test(kind, length)))))]),
                new Panel(
                    "Validation accuracy while training", Axis.Linear(0, laboratory.Steps(FullSteps), "training steps"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind.DisplayName(), kind.Color(), Lines.MeanCurve([.. Best(kind).Select(r => r.Run)])))])
                {
                    Goal = laboratory.Data.Fair,
                },
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy by length",
                    ["length", .. _kinds.Select(kind => $"{kind.DisplayName()}, rate {Rate(kind)}")],
                    [.. _lengths.Select(length => (string[])[$"{length}", .. _kinds.Select(kind => Test(kind, length).Format(Unit.Percent))])]),
            ],
        };
    }

    private static Reading Train(Laboratory laboratory, NormalizationKind kind, double rate, int seed)
    {
        ImageSet train = laboratory.Data.Train;
        var random = new Random(seed);
        var rows = new RowSequence(train.Side) { Shortest = Shortest, Longest = Longest };
        NormalizationLayer<float>[] norms = kind switch
        {
            NormalizationKind.BatchNorm => [.. Enumerable.Range(0, Longest).Select(_ => new BatchNorm1d<float>(Units))],
            NormalizationKind.LayerNorm => [new LayerNorm<float>(Units)],
            _ => [],
        };
        var network = new Network(
            [train.PixelCount],
            [
                rows, new Recurrent(train.Side, Units, () => rows.Lengths, norms, random),
                new Linear(Units, ImageSet.ClassCount, Math.Sqrt(1.0 / Units), random),
            ]);

        var settings = new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), StepsBetweenTests = 20, Seed = seed };
        TrainingRun run = laboratory.Train(network, settings, laboratory.Data.Validation);
        return new Reading(run, [.. _lengths.Select(length =>
        {
            (rows.Shortest, rows.Longest) = (length, length);
            return Evaluation.Accuracy(network, laboratory.Data.Test);
        })]);
    }

    /// <summary>A training, and the test accuracy at each length.</summary>
    private sealed record Reading(TrainingRun Run, IReadOnlyList<double> Test);
}
