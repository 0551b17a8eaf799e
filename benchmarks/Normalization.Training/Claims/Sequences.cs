using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Sequences : IClaim
{
    private const int FullSteps = 1500;
    private const int Units = 64;
    private const int LongestDelay = 8;
    private const int MostDelay = 3 * LongestDelay;

    private static readonly int[] _delays = [0, 4, LongestDelay, 12, 16, 20, MostDelay];
    private static readonly double[] _rates = [0.003, 0.01, 0.03, 0.1, 0.3];

    private static readonly NormalizationKind[] _kinds =
        [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm];

    private static readonly Criterion _longer = Criterion.AtLeast(
        0.05, Unit.Points, $"test accuracy after a delay of {MostDelay} steps, three times the longest in training, LayerNorm over "
            + "BatchNorm");
    private static readonly Criterion _faster = Criterion.AtLeast(
        1.2, Unit.Times, "steps to a fair accuracy, without normalization over with LayerNorm");

    public string Name => "sequences";

    public string Title => "For sequences, LayerNorm";

    public string Source => "Ba, Kiros and Hinton 2016, abstract and introduction";

    public string Statement =>
        "BatchNorm needs statistics of their own for each time step, which is problematic where a sequence is longer than any in "
        + "training. LayerNorm is the same at every step, and “can substantially reduce the training time”.";

    public string Experiment =>
        $"A recurrent network of {Units} tanh units waits for 0 to {LongestDelay} empty steps and then reads the rows of an image, one a "
        + $"step; {FullSteps} training steps. LayerNorm is one layer used at every step; BatchNorm is one layer per step, the last of "
        + "which serves later steps too. The layers' mask leaves out a sequence that has ended, so late steps have few sequences. The "
        + "learning rate is chosen on validation images. The design was changed once after its result was seen, the rule was not: with "
        + "biases that began at 0, LayerNorm diverged in 3 of 5 runs, because it divides by almost nothing at an empty first step; and "
        + "600 steps brought no network to the fair accuracy.";

    public string Meaning =>
        "In a recurrent network take LayerNorm: statistics for each step know nothing of steps that training did not have.";

    public IReadOnlyList<string> Layers => ["LayerNorm", "BatchNorm"];

    public IReadOnlyList<Criterion> Rule => [_longer, _faster];

    public Outcome Run(Laboratory laboratory)
    {
        IReadOnlyDictionary<NormalizationKind, Tuned<Reading>> readings = laboratory.Tune(
            _kinds, _rates, (kind, rate, seed) => Train(laboratory, kind, rate, seed), r => r.Run.Accuracy);
        Reading[] Best(NormalizationKind kind) => readings[kind].Runs;
        double Steps(Reading reading) => reading.Run.StepsTo(laboratory.Data.Fair) ?? laboratory.Steps(FullSteps);
        Estimate Test(NormalizationKind kind, int delay) => Estimate.Of(Best(kind), r => r.Test[Array.IndexOf(_delays, delay)]);

        Estimate longer = Estimate.Difference(Best(NormalizationKind.LayerNorm), Best(NormalizationKind.BatchNorm), r => r.Test[^1]);
        Estimate faster = Estimate.Ratio(Best(NormalizationKind.None), Best(NormalizationKind.LayerNorm), Steps);
        // Where no run gets there, both take all steps, and their ratio says nothing.
        bool isReached = _kinds.Any(kind => Best(kind).Any(reading => reading.Run.StepsTo(laboratory.Data.Fair) is not null));
        string speed = isReached ? $"{faster.Format(Unit.Times)} fewer steps than without" : "no network got to the fair accuracy";
        return new Outcome(
            $"{longer.Format(Unit.Points)} over BatchNorm on longer sequences, {speed}",
            $"After {MostDelay} empty steps LayerNorm recognized {Test(NormalizationKind.LayerNorm, MostDelay).Format(Unit.Percent)}, "
            + $"BatchNorm {Test(NormalizationKind.BatchNorm, MostDelay).Format(Unit.Percent)}, no normalization "
            + $"{Test(NormalizationKind.None, MostDelay).Format(Unit.Percent)}. "
            + (isReached
                ? $"To {laboratory.Data.Fair:P0} it took {Estimate.Of(Best(NormalizationKind.None), Steps).Format(Unit.Steps)} without "
                    + $"normalization, {Estimate.Of(Best(NormalizationKind.BatchNorm), Steps).Format(Unit.Steps)} with BatchNorm and "
                    + $"{Estimate.Of(Best(NormalizationKind.LayerNorm), Steps).Format(Unit.Steps)} with LayerNorm."
                : $"No network got to {laboratory.Data.Fair:P0} in {laboratory.Steps(FullSteps)} steps, so the second part of the rule is "
                    + "undecided."),
            [_longer.Judge(longer), isReached ? _faster.Judge(faster) : _faster.Unseen()])
        {
            Charts =
            [
                new Panel(
                    $"Test accuracy (trained with delays of 0 to {LongestDelay})",
                        Axis.Linear(0, MostDelay, "empty steps before the image"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind, _delays.Select(delay => ((double)delay, Test(kind, delay)))))]),
                new Panel(
                    "Validation accuracy while training", Axis.Linear(0, laboratory.Steps(FullSteps), "training steps"), Axis.Percent(),
                    [.. _kinds.Select(kind => Lines.Line(kind, Lines.MeanCurve([.. Best(kind).Select(r => r.Run)])))])
                {
                    Goal = laboratory.Data.Fair,
                },
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy by delay",
                    ["delay", .. _kinds.Select(kind => $"{kind.DisplayName()}, rate {readings[kind].RateText}")],
                    [.. _delays.Select(delay => (string[])[$"{delay}", .. _kinds.Select(kind => Test(kind, delay).Format(Unit.Percent))])]),
            ],
        };
    }

    private static Reading Train(Laboratory laboratory, NormalizationKind kind, double rate, int seed)
    {
        ImageSet train = laboratory.Data.Train;
        var random = new Random(seed);
        var rows = new DelayedRows(train.Side) { ShortestDelay = 0, LongestDelay = LongestDelay };
        NormalizationLayer<float>[] norms = kind switch
        {
            NormalizationKind.BatchNorm => [.. Enumerable.Range(0, train.Side + LongestDelay).Select(_ => new BatchNorm1d<float>(Units))],
            NormalizationKind.LayerNorm => [new LayerNorm<float>(Units)],
            _ => [],
        };
        var network = new Network(
            [train.PixelCount],
            [
                rows, new Recurrent(train.Side, Units, () => rows.Lengths, norms, random),
                new Linear(Units, ImageSet.ClassCount, Math.Sqrt(1.0 / Units), random),
            ]);

        var settings =
            new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), StepsBetweenTests = 20, Seed = seed };
        TrainingRun run = laboratory.Train(network, settings, laboratory.Data.Validation);
        return new Reading(run, [.. _delays.Select(delay =>
        {
            (rows.ShortestDelay, rows.LongestDelay) = (delay, delay);
            return Evaluation.Accuracy(network, laboratory.Data.Test);
        })]);
    }

    /// <summary>A training, and the test accuracy at each delay.</summary>
    private sealed record Reading(TrainingRun Run, IReadOnlyList<double> Test) : IRun
    {
        public bool Diverged => Run.Diverged;
    }
}
