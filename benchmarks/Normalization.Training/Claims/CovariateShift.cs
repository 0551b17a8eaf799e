using MathNet.Numerics.Statistics;
using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class CovariateShift : IClaim
{
    private const int Depth = 5;
    private const int FullSteps = 400;
    private const double WatchedRate = 0.01;
    private const int WatchedImages = 128;

    private static readonly double[] _rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1];

    private static readonly Criterion _moreShift = Criterion.AtLeast(
        2, Unit.Times, "how much the inputs of a layer shift from step to step, BatchNorm with noise over no BatchNorm");
    private static readonly Criterion _faster = Criterion.AtLeast(
        1.2, Unit.Times, "steps to a good accuracy at the fastest rate of each, without BatchNorm over BatchNorm with noise");

    public string Name => "covariate-shift";

    public string Title => "It is not about covariate shift";

    public string Source => "Santurkar et al. 2018, abstract and section 2.1";

    public string Statement =>
        "“Such distributional stability of layer inputs has little to do with the success of BatchNorm”: with noise after every "
        + "BatchNorm, whose mean and scale change at each step, the network still trains faster than without BatchNorm.";

    public string Experiment =>
        $"Perceptrons of {Depth} hidden layers of 64 ReLU units: bare, with BatchNorm, and with BatchNorm and noise (mean within ± 0.5, "
        + $"scale from 1 to 1.25, drawn anew for each unit and step). The shift is the change of a unit's mean input over {WatchedImages} "
        + $"images from one step to the next, in standard deviations, in the last hidden layer at rate {WatchedRate}. Rates are chosen on "
        + "validation images, steps counted on test images with other seeds.";

    public string Meaning =>
        "Do not explain a gain of BatchNorm by steadier inputs: it trains faster even where noise makes its inputs less steady.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 10;

    public IReadOnlyList<Criterion> Rule => [_moreShift, _faster];

    public Outcome Run(Laboratory laboratory)
    {
        Contestant[] contestants =
        [
            Contestant.Perceptron(NormalizationKind.None, Depth),
            Contestant.Perceptron(NormalizationKind.BatchNorm, Depth),
            new("BatchNorm and noise", Palette.Orange, (inputs, seed) =>
                new Perceptron(inputs) { Depth = Depth, BeforeActivation = Noisy }.Create(seed)),
        ];
        var race = new Race(laboratory, _rates, FullSteps);
        IReadOnlyList<Racer> racers = race.Run(contestants);

        (string Name, Func<int, Random, IEnumerable<ILayer>> Layers)[] watched =
            [("none", (_, _) => []), ("BatchNorm", (width, _) => NormalizationKind.BatchNorm.ForFeatures(width)),
                ("BatchNorm and noise", Noisy)];
        var shifts = laboratory.ForEach(watched, (w, seed) => Shift(laboratory, w.Layers, seed));

        Estimate Shifts(int index) => Estimate.Of(shifts[watched[index]]);
        Estimate moreShift = Estimate.Ratio(shifts[watched[2]], shifts[watched[0]], shift => shift);
        Estimate faster = Estimate.Ratio(racers[0].Steps, racers[2].Steps, steps => steps);
        return new Outcome(
            $"{moreShift.Format(Unit.Times)} the shift, {faster.Format(Unit.Times)} fewer steps",
            $"With noise the inputs shifted by {Shifts(2).Format(Unit.Number)} deviations a step, without BatchNorm by "
            + $"{Shifts(0).Format(Unit.Number)}. To {laboratory.Data.Good:P0} it took {Estimate.Of(racers[0].Steps).Format(Unit.Steps)} "
            + $"without BatchNorm, {Estimate.Of(racers[1].Steps).Format(Unit.Steps)} with it, and "
            + $"{Estimate.Of(racers[2].Steps).Format(Unit.Steps)} with BatchNorm and noise.",
            [_moreShift.Judge(moreShift), _faster.Judge(faster)])
        {
            Charts = [race.Curves(racers), Race.AccuracyByRate(racers)],
            Tables =
            [
                race.Table(racers),
                new Grid("Shift of the inputs of the last hidden activations, in deviations a step", ["layer", "shift"],
                    [.. watched.Select((w, i) => (string[])[w.Name, Shifts(i).Format(Unit.Number)])]),
            ],
        };
    }

    private static IEnumerable<ILayer> Noisy(int width, Random random) =>
        [.. NormalizationKind.BatchNorm.ForFeatures(width), new ShiftNoise(width, random)];

    /// <summary>How much the mean inputs of the last hidden activations change from step to step, in standard deviations.</summary>
    private static double Shift(Laboratory laboratory, Func<int, Random, IEnumerable<ILayer>> layers, int seed)
    {
        var probes = new List<Probe>();
        Network network = new Perceptron(laboratory.Data.Train.PixelCount)
        {
            Depth = Depth,
            BeforeActivation = (width, random) =>
            {
                probes.Add(new Probe());
                return [.. layers(width, random), probes[^1]];
            },
        }.Create(seed);

        // Always the same images, so that what changes is the network and its noise, and in training mode, where there is noise.
        Batch images = new Batches(laboratory.Data.Train, network.InputShape, WatchedImages).InOrder().First();
        int steps = laboratory.Steps(FullSteps);
        var shifts = new List<double>();
        (double Mean, double Deviation)[]? before = null;
        var settings = new TrainingSettings { LearningRate = WatchedRate, Steps = steps, StepsBetweenTests = steps, Seed = seed };
        laboratory.Train(network, settings, laboratory.Data.Validation, step: _ =>
        {
            network.Forward(images.Images);
            (double Mean, double Deviation)[] now = Moments(probes[^1].Seen!);
            if (before is not null)
                shifts.Add(now.Zip(before, (a, b) => Math.Abs(a.Mean - b.Mean) / b.Deviation).Average());

            before = now;
        });
        return shifts.Average();
    }

    private static (double Mean, double Deviation)[] Moments(Tensor<float> inputs) =>
        [.. Enumerable.Range(0, inputs.Shape[1]).Select(unit => inputs.Column(unit).MeanStandardDeviation())];
}
