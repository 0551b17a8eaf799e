using MathNet.Numerics.Statistics;
using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class SaturatingActivations : IClaim
{
    private const int FullSteps = 1500;
    private const int WatchedFullSteps = 600;
    private const int WatchedPoints = 60;
    private const double WatchedRate = 0.1;

    private static readonly double[] _rates = [0.01, 0.03, 0.1, 0.3, 1];
    private static readonly NormalizationKind[] _kinds = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly Criterion _with = Criterion.AtLeast(0.9, Unit.Percent, "test accuracy of the deep network with BatchNorm, as "
        + "a share of what counts as good");
    private static readonly Criterion _without = Criterion.AtMost(0.2, Unit.Percent, "test accuracy without it (chance is 10 %)");
    private static readonly Criterion _stable = Criterion.AtLeast(
        2, Unit.Times, "how far the median input of a unit wanders, in widths of its 15 to 85 % band, without BatchNorm over with it");

    public string Name => "saturating-activations";

    public string Title => "With BatchNorm deep networks of sigmoids train";

    public string Source => "Ioffe and Szegedy 2015, section 4.2.2 and figure 1";

    public string Statement =>
        "Inception with sigmoids stays at chance without BatchNorm and reaches 69.8 % with it; and the inputs of a sigmoid keep their "
        + "distribution while the network trains.";

    public string Experiment =>
        "A perceptron of five hidden layers of 64 sigmoids, 1,500 steps, the best of five or more learning rates chosen on validation "
        + $"images. Then, as in the paper's figure, a shallower one of three times 100 sigmoids at rate {WatchedRate}, in which the "
        + "inputs of the last hidden layer are watched on the validation images.";

    public string Meaning =>
        "If you need a sigmoid in every layer of a deep network, put BatchNorm before each; without it such a network does not start to "
        + "learn.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public IReadOnlyList<Criterion> Rule => [_with, _without, _stable];

    public Outcome Run(Laboratory laboratory)
    {
        IReadOnlyDictionary<NormalizationKind, Tuned<Score>> scores = laboratory.Tune(
            _kinds, _rates,
            (kind, rate, seed) => laboratory.Score(
                Architectures.SigmoidPerceptron(kind, laboratory.Data.Train.Side, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);
        IReadOnlyDictionary<NormalizationKind, Course[]> courses =
            laboratory.ForEach(_kinds, (kind, seed) => Watch(laboratory, kind, seed));

        Estimate Test(NormalizationKind kind) => Estimate.Of(scores[kind].Runs, s => s.Test);
        Estimate Wandering(NormalizationKind kind) => Estimate.Of(courses[kind], c => c.Wandering);

        Estimate with = Test(NormalizationKind.BatchNorm), without = Test(NormalizationKind.None);
        Estimate stable = Estimate.Ratio(courses[NormalizationKind.None], courses[NormalizationKind.BatchNorm], c => c.Wandering);
        return new Outcome(
            $"{with.Format(Unit.Percent)} with, {without.Format(Unit.Percent)} without",
            $"Five layers of sigmoids reached {with.Format(Unit.Percent)} with BatchNorm and {without.Format(Unit.Percent)} without. In "
            + $"the shallower network the median input of a unit wandered {Wandering(NormalizationKind.None).Format(Unit.Number)} band "
            + $"widths without and {Wandering(NormalizationKind.BatchNorm).Format(Unit.Number)} with it.",
            [
                _with.Judge(Estimate.Of(scores[NormalizationKind.BatchNorm].Runs, s => s.Test / laboratory.Data.Good)),
                _without.Judge(without),
                _stable.Judge(stable),
            ])
        {
            Charts = [.. _kinds.Select(kind => Percentiles(kind, courses[kind][0]))],
            Tables =
            [
                new Grid(
                    "Test accuracy of five layers of sigmoids",
                    ["layer", "rate", "accuracy"],
                    [.. _kinds.SelectMany(kind => scores[kind].Sweep.Select(p => (string[])
                        [kind.DisplayName(), $"{p.Rate}", Estimate.Of(p.Runs, s => s.Test).Format(Unit.Percent)]))]),
            ],
        };
    }

    private static Course Watch(Laboratory laboratory, NormalizationKind kind, int seed)
    {
        const int Width = 100;
        var probes = new List<Probe>();
        Network network = new Perceptron(laboratory.Data.Train.PixelCount)
        {
            Width = Width,
            Deviation = inputs => Math.Sqrt(2.0 / (inputs + Width)),
            Activation = () => new Sigmoid(),
            BeforeActivation = (width, _) =>
            {
                probes.Add(new Probe());
                return [.. kind.ForFeatures(width), probes[^1]];
            },
        }.Create(seed);

        int steps = laboratory.Steps(WatchedFullSteps);
        Batch images = new Batches(laboratory.Data.Validation, network.InputShape, laboratory.Data.Validation.Count).InOrder().First();
        var course = new Course();
        var settings = new TrainingSettings { LearningRate = WatchedRate, Steps = steps, StepsBetweenTests = steps, Seed = seed };
        laboratory.Train(network, settings, laboratory.Data.Validation, step: step =>
        {
            if (step % Math.Max(1, steps / WatchedPoints) == 0)
            {
                network.Eval();
                network.Forward(images.Images);
                network.Train();
                course.Add(step, probes[^1].Seen!);
            }
        });
        return course;
    }

    private static Panel Percentiles(NormalizationKind kind, Course course)
    {
        (double Lowest, double Highest) range = (course.Points.Min(p => p.Low), course.Points.Max(p => p.High));
        return new Panel(
            $"Input of one unit, {kind.DisplayName()}",
            Axis.Linear(0, course.Points[^1].Step, "training steps"), Axis.Linear(Math.Floor(range.Lowest), Math.Ceiling(range.Highest)),
            [
                new Series("85 %", Palette.Orange, [.. course.Points.Select(p => new ChartPoint(p.Step, p.High))]),
                new Series("median", Palette.Blue, [.. course.Points.Select(p => new ChartPoint(p.Step, p.Median))]),
                new Series("15 %", Palette.Green, [.. course.Points.Select(p => new ChartPoint(p.Step, p.Low))]),
            ]);
    }

    /// <summary>The distribution of the inputs of the watched units over the course of a training; the points are those of the first
    /// unit.</summary>
    private sealed class Course
    {
        private readonly List<(double Low, double Median, double High)[]> _units = [];

        public List<(int Step, double Low, double Median, double High)> Points { get; } = [];

        /// <summary>How far the median moves between its extremes, in widths of the band between the percentiles; mean over the
        /// units.</summary>
        public double Wandering => Enumerable.Range(0, _units[0].Length).Average(unit =>
        {
            double[] medians = [.. _units.Select(u => u[unit].Median)];
            return (medians.Max() - medians.Min()) / _units.Average(u => u[unit].High - u[unit].Low);
        });

        public void Add(int step, Tensor<float> inputs)
        {
            var units = new (double Low, double Median, double High)[inputs.Shape[1]];
            for (int unit = 0; unit < units.Length; unit++)
            {
                double[] values = inputs.Column(unit);
                units[unit] = (values.Quantile(0.15), values.Median(), values.Quantile(0.85));
            }

            _units.Add(units);
            Points.Add((step, units[0].Low, units[0].Median, units[0].High));
        }
    }
}
