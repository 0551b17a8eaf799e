using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Saturation : IClaim
{
    private const int FullSteps = 600;
    private const int WatchedPoints = 30;
    private const int Width = 100;
    private const double Rate = 0.1;
    private const double Flat = 0.1;

    private static readonly Kind _sigmoid = new("sigmoid", () => new Sigmoid(), y => 4 * y * (1 - y));
    private static readonly Kind _tanh = new("tanh", () => new Tanh(), y => 1 - y * y);
    private static readonly Kind[] _kinds = [_sigmoid, _tanh];

    private static readonly Start _careful = new("Glorot's weights", inputs => Math.Sqrt(2.0 / (inputs + Width)));
    private static readonly Start _careless = new("weights N(0, 1)", _ => 1);
    private static readonly Start[] _starts = [_careful, _careless];

    private static readonly NormalizationKind[] _norms = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly (Kind Kind, Start Start, Criterion Criterion)[] _rules =
    [
        .. _kinds.SelectMany(kind => _starts.Select(start => (kind, start, Criterion.AtLeast(
            0.05, Unit.Points, $"saturated outputs after training without BatchNorm, minus those with it: {kind.Name}, {start.Name}")))),
    ];

    public string Name => "saturation";

    public string Title => "With BatchNorm sigmoid and tanh saturate less";

    public string Source => "Ioffe and Szegedy 2015, introduction and section 3.4";

    public string Statement =>
        "Changes of the weights move the inputs of a nonlinearity into its saturated part, where gradients vanish; BatchNorm “prevents "
        + "the training from getting stuck in the saturated regimes of nonlinearities”.";

    public string Experiment =>
        $"Perceptrons of three times {Width} sigmoids or tanh, {FullSteps} steps at rate {Rate}, from careful and from careless first "
        + $"weights. An output counts as saturated where the slope is below {Flat:P0} of its maximum; the share is taken over all hidden "
        + "units and validation images.";

    public string Meaning =>
        "BatchNorm keeps sigmoid and tanh in the part where they still learn, above all when the first weights are too large.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 10;

    public IReadOnlyList<Criterion> Rule => [.. _rules.Select(rule => rule.Criterion)];

    public Outcome Run(Laboratory laboratory)
    {
        int steps = laboratory.Steps(FullSteps);
        int[] moments = [.. Enumerable.Range(1, WatchedPoints).Select(i => Math.Max(1, i * steps / WatchedPoints)).Distinct()];
        var shares = laboratory.ForEach(
            _kinds.SelectMany(kind => _starts.SelectMany(start => _norms.Select(norm => new Setting(kind, start, norm)))),
            (setting, seed) => Watch(laboratory, setting, moments, seed));

        Estimate Last(Kind kind, Start start, NormalizationKind norm) => Estimate.Of(shares[new(kind, start, norm)], s => s[^1]);
        Estimate Less(Kind kind, Start start) => Estimate.Difference(
            shares[new(kind, start, NormalizationKind.None)], shares[new(kind, start, NormalizationKind.BatchNorm)], s => s[^1]);
        string Pair(Kind kind, Start start) =>
            $"{Last(kind, start, NormalizationKind.None).Format(Unit.Percent)} → "
            + $"{Last(kind, start, NormalizationKind.BatchNorm).Format(Unit.Percent)}";
        return new Outcome(
            $"saturated without → with, {_careless.Name}: sigmoid {Pair(_sigmoid, _careless)}, tanh {Pair(_tanh, _careless)}",
            $"From {_careful.Name} saturated, without and with BatchNorm: sigmoid {Pair(_sigmoid, _careful)}, tanh "
            + $"{Pair(_tanh, _careful)}. From {_careless.Name}: sigmoid {Pair(_sigmoid, _careless)}, tanh {Pair(_tanh, _careless)}.",
            [.. _rules.Select(rule => rule.Criterion.Judge(Less(rule.Kind, rule.Start)))])
        {
            Charts =
            [
                .. _kinds.Select(kind => new Panel(
                    $"Saturated outputs, {kind.Name}", Axis.Linear(0, steps, "training steps"), Axis.Percent(),
                    [
                        .. _starts.SelectMany(start => _norms.Select(norm => Lines.Line(
                            $"{norm.DisplayName()}, {start.Name}", Color(start, norm),
                            moments.Select((m, i) => ((double)m, Estimate.Of(shares[new(kind, start, norm)], s => s[i])))))),
                    ])),
            ],
            Tables =
            [
                new Grid(
                    "Saturated outputs after training",
                    ["activation", .. _starts.SelectMany(start => _norms.Select(norm => $"{norm.DisplayName()}, {start.Name}"))],
                    [
                        .. _kinds.Select(kind => (string[])
                            [kind.Name,
                                .. _starts.SelectMany(start => _norms.Select(norm => Last(kind, start, norm).Format(Unit.Percent)))]),
                    ]),
            ],
        };
    }

    private static string Color(Start start, NormalizationKind norm) => (start == _careful, norm) switch
    {
        (true, NormalizationKind.None) => Palette.Grey,
        (true, _) => Palette.Blue,
        (false, NormalizationKind.None) => Palette.Orange,
        (false, _) => Palette.Green,
    };

    /// <summary>The share of saturated outputs at each moment of a training.</summary>
    private static double[] Watch(Laboratory laboratory, Setting setting, int[] moments, int seed)
    {
        var probes = new List<Probe>();
        Network network = new Perceptron(laboratory.Data.Train.PixelCount)
        {
            Width = Width,
            Deviation = setting.Start.Deviation,
            Activation = setting.Kind.Activation,
            BeforeActivation = (width, _) => setting.Norm.ForFeatures(width),
            AfterActivation = (_, _) =>
            {
                probes.Add(new Probe());
                return [probes[^1]];
            },
        }.Create(seed);
        Batch images = new Batches(laboratory.Data.Validation, network.InputShape, laboratory.Data.Validation.Count).InOrder().First();
        var shares = new List<double>();
        var settings = new TrainingSettings { LearningRate = Rate, Steps = moments[^1], StepsBetweenTests = moments[^1], Seed = seed };
        laboratory.Train(network, settings, laboratory.Data.Validation, step: step =>
        {
            if (!moments.Contains(step))
                return;

            network.Eval();
            network.Forward(images.Images);
            network.Train();
            shares.Add(probes.Average(probe => probe.Seen!.Span.ToArray().Average(y => setting.Kind.Slope(y) < Flat ? 1.0 : 0.0)));
        });
        return [.. shares];
    }

    /// <summary>An activation, and its slope by its output as a share of the steepest.</summary>
    private sealed record Kind(string Name, Func<ILayer> Activation, Func<float, double> Slope);

    private sealed record Start(string Name, Func<int, double> Deviation);

    private sealed record Setting(Kind Kind, Start Start, NormalizationKind Norm);
}
