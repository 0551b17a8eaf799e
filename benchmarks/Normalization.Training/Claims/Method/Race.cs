using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims.Method;

/// <summary>A kind of network that an experiment compares with others, made from the number of pixels and a seed.</summary>
internal sealed record Contestant(string Name, string Color, Func<int, int, Network> Create)
{
    /// <summary>A perceptron of ReLUs with a normalization before each.</summary>
    public static Contestant Perceptron(NormalizationKind kind, int depth) => new(
        kind.DisplayName(), kind.Color(),
        (inputs, seed) => new Perceptron(inputs) { Depth = depth, ReluAfter = kind }.Create(seed));
}

/// <summary>Trains networks at many learning rates, chooses the fastest rate of each on the validation images,
/// and measures it on the test images with other seeds.</summary>
internal sealed class Race(Laboratory laboratory, IReadOnlyList<double> rates, int fullSteps)
{
    // The seeds of the runs that are reported are not those of the runs that chose the rate.
    private const int FirstReportSeed = 1000;

    private readonly int _steps = laboratory.Steps(fullSteps);

    public IReadOnlyList<Racer> Run(IReadOnlyList<Contestant> contestants)
    {
        IReadOnlyDictionary<Contestant, Tuned<TrainingRun>> sweep = laboratory.Tune(
            contestants, rates, (c, rate, seed) => Train(c, rate, seed, laboratory.Data.Validation), run => -StepsToGood(run));
        IReadOnlyDictionary<Contestant, TrainingRun[]> final = laboratory.ForEach(
            contestants, (c, seed) => Train(c, sweep[c].Rate, FirstReportSeed + seed, laboratory.Data.Test));
        return [.. contestants.Select(c => new Racer(c, sweep[c], final[c], [.. final[c].Select(StepsToGood)]))];
    }

    public static Panel AccuracyByRate(IReadOnlyList<Racer> racers) => Lines.ByRate(
        "Validation accuracy by learning rate",
        [.. racers.Select(r => (r.Contestant.Name, r.Contestant.Color, r.Tuned))], run => run.Accuracy);

    public Panel Curves(IEnumerable<Racer> racers) => new(
        "Test accuracy at the fastest rate", Axis.Linear(0, _steps, "training steps"), Axis.Percent(),
        [.. racers.Select(r => r.Line(Lines.MeanCurve(r.Runs)))])
    {
        Goal = laboratory.Data.Good,
    };

    public Grid Table(IEnumerable<Racer> racers) => new(
        "At the fastest rate, on test images",
        ["layer", "rate", $"steps to {laboratory.Data.Good:P0}", "accuracy in the end"],
        [
            .. racers.Select(r => (string[])
            [
                r.Contestant.Name, r.Tuned.RateText, Estimate.Of(r.Steps).Format(Unit.Steps),
                Estimate.Of(r.Runs, run => run.Accuracy).Format(Unit.Percent),
            ]),
        ]);

    private TrainingRun Train(Contestant contestant, double rate, int seed, ImageSet watched) => laboratory.Train(
        contestant.Create(laboratory.Data.Train.PixelCount, seed),
        new TrainingSettings { LearningRate = rate, Steps = _steps, Seed = seed }, watched);

    private double StepsToGood(TrainingRun run) => run.StepsTo(laboratory.Data.Good) ?? _steps;
}

/// <summary>How a network did: at every rate on validation images, and at its fastest on test images.</summary>
internal sealed record Racer(
    Contestant Contestant, Tuned<TrainingRun> Tuned, IReadOnlyList<TrainingRun> Runs, IReadOnlyList<double> Steps)
{
    /// <summary>For each seed the largest rate that reaches an accuracy, or the smallest rate of all if none does.</summary>
    public IEnumerable<double> LargestRates(double accuracy) => Enumerable.Range(0, Tuned.Sweep[0].Runs.Length)
        .Select(seed => Tuned.Sweep.LastOrDefault(p => p.Runs[seed].Accuracy >= accuracy, Tuned.Sweep[0]).Rate);

    public Series Line(IEnumerable<(double X, Estimate Y)> points) => Lines.Line(Contestant.Name, Contestant.Color, points);
}
