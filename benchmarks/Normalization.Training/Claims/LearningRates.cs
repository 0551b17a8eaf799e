using Normalization.Training.Claims.Method;
using Normalization.Training.Networks;

namespace Normalization.Training.Claims;

internal sealed class LearningRates : IClaim
{
    private const int RatesPerDecade = 10;

    private static readonly IReadOnlyList<double> _rates = Tuning.Rates(0.01, 40, RatesPerDecade);

    private static readonly Criterion _larger = Criterion.AtLeast(
        5, Unit.Times, "largest learning rate that still trains, with BatchNorm over without");
    private static readonly Criterion _faster = Criterion.AtLeast(
        2, Unit.Times, "steps to a good accuracy at the fastest rate of each, without BatchNorm over with it");

    public string Name => "learning-rates";

    public string Title => "BatchNorm allows larger learning rates and trains faster";

    public string Source => "Ioffe and Szegedy 2015, abstract";

    public string Statement =>
        "“Batch Normalization allows us to use much higher learning rates” and “achieves the same accuracy with 14 times fewer training "
        + "steps”.";

    public string Experiment =>
        "A perceptron of three hidden layers of 64 ReLU units; batches of 32, momentum 0.9, 400 steps; ten learning rates in each factor "
        + "of ten. A rate still trains when the validation accuracy in the end is fair. The fastest rate is chosen on validation images; "
        + "its steps are counted on test images, with other seeds. A run that never gets there counts with all its steps.";

    public string Meaning =>
        "With BatchNorm start from a learning rate several times larger than without, and search upward until training breaks.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_larger, _faster];

    public Outcome Run(Laboratory laboratory)
    {
        var race = new Race(laboratory, _rates, fullSteps: 400);
        IReadOnlyList<Racer> racers = race.Run(
            [Contestant.Perceptron(NormalizationKind.None, depth: 3), Contestant.Perceptron(NormalizationKind.BatchNorm, depth: 3)]);
        (Racer without, Racer with) = (racers[0], racers[1]);

        double[] largestWithout = [.. without.LargestRates(laboratory.Data.Fair)], largestWith =
            [.. with.LargestRates(laboratory.Data.Fair)];
        Estimate larger = Estimate.Ratio(largestWith, largestWithout, rate => rate) with
        {
            GridFactor = Math.Pow(10, 1.0 / RatesPerDecade),
        };
        Estimate faster = Estimate.Ratio(without.Steps, with.Steps, steps => steps);
        return new Outcome(
            $"rates {larger.Format(Unit.Times)} as large, {faster.Format(Unit.Times)} fewer steps",
            $"The largest rate that still trained was {Estimate.Of(largestWithout).Format(Unit.Number)} without and "
            + $"{Estimate.Of(largestWith).Format(Unit.Number)} with BatchNorm. {laboratory.Data.Good:P0} took "
            + $"{Estimate.Of(without.Steps).Format(Unit.Steps)} without (rate {without.Tuned.RateText}) and "
            + $"{Estimate.Of(with.Steps).Format(Unit.Steps)} with it (rate {with.Tuned.RateText}).",
            [_larger.Judge(larger), _faster.Judge(faster)])
        {
            Charts = [Race.AccuracyByRate(racers), race.Curves(racers)],
            Tables = [race.Table(racers)],
        };
    }
}
