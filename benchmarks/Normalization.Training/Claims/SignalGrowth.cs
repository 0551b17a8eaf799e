using MathNet.Numerics.Statistics;
using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class SignalGrowth : IClaim
{
    public const int Width = 256;

    private const int Depth = 40;
    private const int ImageCount = 64;

    private static readonly double _growth = Math.Sqrt(Width);
    private static readonly double _reluGrowth = Math.Sqrt(Width / 2.0);

    private static readonly Setting _bare = new("N(0, 1)", Palette.Grey, 1);
    private static readonly Setting _bareRelu = _bare with { HasRelu = true };

    private static readonly Setting _shrinking = new("N(0, 1/n)", Palette.Violet, 1 / _growth) { HasRelu = true };

    /// <summary>What keeps the spread: well chosen weights or, with weights N(0, 1), a layer.</summary>
    private static readonly Setting[] _keepers =
    [
        new("N(0, 1/n)", Palette.Violet, 1 / _growth),
        new("BatchNorm", Palette.Blue, 1) { Norm = () => new BatchNorm1d<float>(Width) },
        new("LayerNorm", Palette.Vermilion, 1) { Norm = () => new LayerNorm<float>(Width) },
        new("GroupNorm", Palette.Green, 1) { Norm = () => new GroupNorm<float>(Width / 16, Width) },
        new("RmsNorm", Palette.Pink, 1) { Norm = () => new RmsNorm<float>(Width) },
    ];

    private static readonly Setting[] _reluKeepers =
        [new("N(0, 2/n)", Palette.Orange, 1 / _reluGrowth) { HasRelu = true }, .. _keepers[1..].Select(s => s with { HasRelu = true })];

    private static readonly Criterion _factorOff = Criterion.AtMost(
        0.05, Unit.Percent, $"growth of the spread by a linear layer, away from √n = {_growth:F0}");
    private static readonly Criterion _reluFactorOff = Criterion.AtMost(
        0.05, Unit.Percent, $"growth of the spread by a layer with ReLU, away from √(n/2) = {_reluGrowth:F1}");
    private static readonly Criterion _overflowOff = Criterion.AtMost(
        2, Unit.Layers, "first layer with numbers beyond float's range, away from layer 32");
    private static readonly Criterion _kept = Criterion.AtMost(
        2, Unit.Times, $"furthest from 1 in {Depth} layers with weights of variance 1/n (2/n with ReLU) or any normalization");

    public string Name => "signal-growth";

    public string Title => "Signals grow by √n in every layer, unless something keeps them";

    public string Source => "The usual course on initialization; He et al. 2015, equation 9";

    public string Statement =>
        "A linear layer of n units with weights of variance 1 multiplies the standard deviation of the signal by √n, with ReLU by √(n/2): "
        + "at n = 256 the numbers leave the range of float after about 32 layers. Weights of variance 1/n (2/n with ReLU), or a "
        + "normalization layer, keep it at 1.";

    public string Experiment =>
        $"{ImageCount} images enter through a layer that gives the signal a spread of about 1, and pass {Depth} untrained layers of "
        + $"{Width} units. The spread is the standard deviation, over all units and images, of what a layer hands to its activation.";

    public string Meaning =>
        "In a deep network choose the scale of the first weights for its width, or put a normalization layer after each linear step and "
        + "do not care.";

    public IReadOnlyList<string> Layers => ["BatchNorm", "LayerNorm", "GroupNorm", "RmsNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_factorOff, _reluFactorOff, _overflowOff, _kept];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet images = laboratory.Data.Train.Some(ImageCount);
        Setting[] settings = [_bare, .. _keepers, _bareRelu, _shrinking, .. _reluKeepers];
        IReadOnlyDictionary<Setting, double[][]> spreads = laboratory.ForEach(settings, (setting, seed) => Spreads(setting, images, seed));

        double[][] bare = spreads[_bare], relu = spreads[_bareRelu];
        Estimate furthest = _keepers.Concat(_reluKeepers).Select(s => Estimate.Of(spreads[s], Furthest)).MaxBy(e => e.Mean);
        Estimate overflow = Estimate.Of(bare, s => FirstBeyond(s));
        return new Outcome(
            $"× {Estimate.Of(bare, Growth).Format(Unit.Number)} per layer, out of range in layer {overflow.Format(Unit.Count)}",
            $"A linear layer multiplied the spread by {Estimate.Of(bare, Growth).Format(Unit.Number)}, one with ReLU by "
            + $"{Estimate.Of(relu, Growth).Format(Unit.Number)}. Without ReLU the first infinity came in layer "
            + $"{overflow.Format(Unit.Count)}.",
            [
                _factorOff.Judge(Estimate.Of(bare, s => Math.Abs(Growth(s) / _growth - 1))),
                _reluFactorOff.Judge(Estimate.Of(relu, s => Math.Abs(Growth(s) / _reluGrowth - 1))),
                _overflowOff.Judge(Estimate.Of(bare, s => Math.Abs(FirstBeyond(s) - 32))),
                _kept.Judge(furthest),
            ])
        {
            Charts =
            [
                Chart("Spread by depth, linear layers", [_bare, .. _keepers]),
                Chart("Spread by depth, layers with ReLU", [_bareRelu, _shrinking, .. _reluKeepers]),
            ],
            Tables =
            [
                new Grid(
                    "Spread of the signal",
                    ["setting", "layer 1", "layer 10", "layer 30", $"layer {Depth}"],
                    [.. settings.Select(s =>
                        (string[])[s.FullName, .. new[] { 1, 10, 30, Depth }.Select(layer => Cell(spreads[s], layer))])]),
            ],
        };

        Panel Chart(string title, Setting[] shown) => new(
            title, Axis.Linear(0, Depth, "layer"), Axis.Logarithmic(1e-10, 1e40),
            [.. shown.Select(s => Lines.Line(s.Name, s.Color, Enumerable.Range(0, Depth).Select(i => (i + 1.0, At(spreads[s], i + 1)))))]);
    }

    /// <summary>The standard deviation of the signal after each layer.</summary>
    public static double[] Spreads(Setting setting, ImageSet images, int seed)
    {
        var random = new Random(seed);
        Batch batch = new Batches(images, [images.PixelCount], images.Count).InOrder().First();
        double size = Math.Sqrt(batch.Images.Span.ToArray().Average(x => x * x) * images.PixelCount);
        Tensor<float> signal = new Linear(images.PixelCount, Width, 1 / size, random).Forward(batch.Images);

        var spreads = new double[Depth];
        for (int layer = 0; layer < Depth; layer++)
        {
            if (setting.HasRelu)
                signal = new Relu().Forward(signal);

            signal = new Linear(Width, Width, setting.Deviation, random).Forward(signal);
            signal = setting.Norm()?.Forward(signal) ?? signal;
            spreads[layer] = Array.ConvertAll(signal.Span.ToArray(), x => (double)x).PopulationStandardDeviation();
        }

        return spreads;
    }

    /// <summary>The factor of one layer, as the geometric mean over layers 2 to 30.</summary>
    public static double Growth(double[] spreads) => Math.Pow(spreads[29] / spreads[0], 1.0 / 29);

    public static int FirstBeyond(double[] spreads) => Array.FindIndex(spreads, x => !double.IsFinite(x)) + 1;

    private static double Furthest(double[] spreads) => spreads.Max(x => Math.Max(x, 1 / x));

    private static Estimate At(double[][] spreads, int layer) => Estimate.Of(spreads, s => s[layer - 1]);

    private static string Cell(double[][] spreads, int layer)
    {
        Estimate spread = At(spreads, layer);
        return !double.IsFinite(spread.Mean) ? "beyond float" : spread.Mean < 1000 ? spread.Format(Unit.Number)
            : $"{spread.Mean:0.0e+0} ± {spread.HalfWidth:0.0e+0}";
    }

    /// <summary>How the layers begin: the deviation of their weights, and what normalizes them.</summary>
    internal sealed record Setting(string Name, string Color, double Deviation)
    {
        public Func<NormalizationLayer<float>?> Norm { get; init; } = () => null;

        public bool HasRelu { get; init; }

        public string FullName => HasRelu ? $"{Name}, ReLU" : Name;
    }
}
