using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class GradientDepth : IClaim
{
    private const int Depth = 30;
    private const int Width = 128;
    private const int ImageCount = 64;

    private static readonly double _he = Math.Sqrt(2);

    private static readonly Case _sigmoid = new("sigmoid, weights N(0, 1/n)", () => new Sigmoid(), 1);
    private static readonly Case _tanh = new("tanh, weights N(0, 1/n)", () => new Tanh(), 1);
    private static readonly Case _small = new("ReLU, weights 0.9 of He's", () => new Relu(), 0.9 * _he);
    private static readonly Case _large = new("ReLU, weights 1.1 of He's", () => new Relu(), 1.1 * _he);
    private static readonly Case[] _cases = [_sigmoid, _tanh, _small, _large];

    private static readonly Kind _none = new("none", Palette.Grey, () => null);

    private static readonly Kind[] _norms =
    [
        new("BatchNorm", Palette.Blue, () => new BatchNorm1d<float>(Width)),
        new("LayerNorm", Palette.Vermilion, () => new LayerNorm<float>(Width)),
        new("GroupNorm", Palette.Green, () => new GroupNorm<float>(Width / 16, Width)),
        new("RmsNorm", Palette.Pink, () => new RmsNorm<float>(Width)),
    ];

    private static readonly Criterion _vanishes = Criterion.AtMost(
        0.05, Unit.Percent, "factor of the gradient by one layer of ReLUs without normalization, weights 0.9 of He's: away from 0.9");
    private static readonly Criterion _explodes = Criterion.AtMost(0.05, Unit.Percent, "the same with weights 1.1 of He's: away from 1.1");
    private static readonly Criterion _sigmoidVanishes = Criterion.AtMost(0.5, Unit.Number, "factor by one layer of sigmoids without "
        + "normalization");
    private static readonly Criterion _kept = Criterion.AtMost(
        1.1, Unit.Number,
            "factor by one layer, or its inverse if it is below 1, that is furthest from 1, with any normalization and activation");

    public string Name => "gradient-depth";

    public string Title => "Gradients vanish or explode with depth, unless something keeps them";

    public string Source => "The usual course on deep networks; Glorot and Bengio 2010, section 4.2; Ioffe and Szegedy 2015, section 3.3";

    public string Statement =>
        "A factor of 0.9 in every layer leaves 0.9³⁰ ≈ 0.04 of the gradient after 30 layers, a factor of 1.1 makes it 17 times as large. "
        + "With normalization the scale of the weights does not change how gradients pass.";

    public string Experiment =>
        $"{ImageCount} images pass {Depth} untrained hidden layers of {Width} units, and the gradient of the loss comes back. Its norm is "
        + "measured before each activation; the factor of one layer is the geometric mean over all layers, from the last to the first.";

    public string Meaning =>
        "Below about ten layers you can do without; deeper, normalize, and prefer LayerNorm or residual adds where BatchNorm with ReLU "
        + "still lets gradients grow.";

    public IReadOnlyList<string> Layers => ["BatchNorm", "LayerNorm", "GroupNorm", "RmsNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_vanishes, _explodes, _sigmoidVanishes, _kept];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet images = laboratory.Data.Train.Some(ImageCount);
        Kind[] kinds = [_none, .. _norms];
        var norms = laboratory.ForEach(
            _cases.SelectMany(c => kinds.Select(kind => (Case: c, Kind: kind))), (s, seed) => GradientNorms(s.Case, s.Kind, images, seed));

        Estimate Factors(Case c, Kind kind, Func<double, double> value) => Estimate.Of(norms[(c, kind)], n => value(Factor(n)));
        Estimate FactorOf(Case c, Kind kind) => Factors(c, kind, f => f);
        (Case Case, Kind Kind, Estimate Seen) furthest = _cases
            .SelectMany(c => _norms.Select(kind => (c, kind, Factors(c, kind, f => Math.Max(f, 1 / f))))).MaxBy(f => f.Item3.Mean);
        return new Outcome(
            $"without, × {FactorOf(_small, _none).Format(Unit.Number)} a layer with small weights and × "
            + $"{FactorOf(_large, _none).Format(Unit.Number)} with large ones; with normalization the furthest is × "
            + $"{FactorOf(furthest.Case, furthest.Kind).Format(Unit.Number)} "
            + $"({furthest.Kind.Name}, {furthest.Case.Name})",
            $"Without normalization a layer of sigmoids passed on {FactorOf(_sigmoid, _none).Format(Unit.Number)} of the gradient, one of "
            + $"tanh {FactorOf(_tanh, _none).Format(Unit.Number)}. BatchNorm passed on {string.Join(", ", _cases.Select(c =>
                $"{FactorOf(c, _norms[0]).Format(Unit.Number)} ({c.Name})"))}; LayerNorm {string.Join(", ", _cases.Select(c =>
                FactorOf(c, _norms[1]).Format(Unit.Number)))} of the same.",
            [
                _vanishes.Judge(Factors(_small, _none, f => Math.Abs(f / 0.9 - 1))),
                _explodes.Judge(Factors(_large, _none, f => Math.Abs(f / 1.1 - 1))),
                _sigmoidVanishes.Judge(FactorOf(_sigmoid, _none)),
                _kept.Judge(furthest.Seen),
            ])
        {
            Charts =
            [
                .. _cases.Select(c => new Panel(
                    $"Gradient by layer, over that of the last: {c.Name}", Axis.Linear(1, Depth, "hidden layer"),
                    c == _sigmoid ? Axis.Logarithmic(1e-20, 1e2) : Axis.Logarithmic(1e-3, 1e3),
                    [.. kinds.Select(kind => Lines.Line(kind.Name, kind.Color, Enumerable.Range(0, Depth)
                        .Select(i => (i + 1.0, Estimate.Of(norms[(c, kind)], n => n[i] / n[^1])))))])),
            ],
            Tables =
            [
                new Grid(
                    "Factor of the gradient by one layer",
                    ["network", .. kinds.Select(kind => kind.Name)],
                    [.. _cases.Select(c => (string[])[c.Name, .. kinds.Select(kind => FactorOf(c, kind).Format(Unit.Number))])]),
            ],
        };
    }

    private static double Factor(double[] norms) => Math.Pow(norms[0] / norms[^1], 1.0 / (norms.Length - 1));

    /// <summary>The norm of the gradient before each activation, from the first hidden layer to the last.</summary>
    private static double[] GradientNorms(Case c, Kind kind, ImageSet images, int seed)
    {
        var probes = new List<Probe>();
        Network network = new Perceptron(images.PixelCount)
        {
            Depth = Depth,
            Width = Width,
            Deviation = inputs => c.Gain / Math.Sqrt(inputs),
            Activation = c.Activation,
            BeforeActivation = (_, _) =>
            {
                probes.Add(new Probe());
                NormalizationLayer<float>? norm = kind.Create();
                return norm is null ? [probes[^1]] : [new Normalized(norm), probes[^1]];
            },
        }.Create(seed);
        Batch batch = new Batches(images, network.InputShape, images.Count).InOrder().First();
        var gradient = new Tensor<float>(images.Count, ImageSet.ClassCount);
        SoftmaxCrossEntropy.Loss(network.Forward(batch.Images), batch.Labels, gradient);
        network.Backward(gradient);
        return [.. probes.Select(probe => probe.GradientNorm)];
    }

    /// <summary>An activation, and the standard deviation of the weights times the root of the number of inputs.</summary>
    private sealed record Case(string Name, Func<ILayer> Activation, double Gain);

    private sealed record Kind(string Name, string Color, Func<NormalizationLayer<float>?> Create);
}
