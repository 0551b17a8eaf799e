using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Transformers : IClaim
{
    private const int FullSteps = 300;
    private const int Blocks = 4;
    private const int Width = 32;
    private const int RatesPerDecade = 4;

    private static readonly IReadOnlyList<double> _rates = Tuning.Rates(0.003, 1, RatesPerDecade);

    private static readonly Form _pre = new("pre-norm", Palette.Blue, parts => [new PreNorm(parts, Width)]);
    private static readonly Form _post = new("post-norm", Palette.Vermilion, parts => [new PostNorm(parts, Width), Norm()]);
    private static readonly Form _bare = new(
        "pre-norm, no residual adds", Palette.Grey, parts => [.. parts.SelectMany(part => (ILayer[])[Norm(), part]), Norm()]);
    private static readonly Form[] _forms = [_pre, _post, _bare];

    private static readonly Criterion _larger = Criterion.AtLeast(
        2, Unit.Times, "largest learning rate that still trains without a warm-up, pre-norm over post-norm");
    private static readonly Criterion _residual = Criterion.AtLeast(
        0.02, Unit.Points, "test accuracy at the best rate of each, pre-norm with residual adds over without");

    public string Name => "transformers";

    public string Title => "In transformers, residual adds carry the gradient, and pre-norm trains without a warm-up";

    public string Source => "Xiong et al. 2020, abstract; He et al. 2016, section 3; Vaswani et al. 2017, section 3.1";

    public string Statement =>
        "With the normalization after the residual add the gradients near the output are large at the start, and large learning rates "
        + "need a warm-up; “if the layer normalization is put inside the residual blocks”, they are well-behaved. Without the adds deep "
        + "stacks are hard to train.";

    public string Experiment =>
        $"A transformer of {Blocks} blocks reads the rows of an image as tokens: one head of attention and two linear steps of {Width} "
        + $"and {2 * Width} units in each block, with LayerNorm before each part inside the add, after each add, or without adds; "
        + $"{FullSteps} steps of momentum 0.9, no warm-up. A rate still trains when the validation accuracy in the end is fair. Best "
        + "rates are chosen on validation images.";

    public string Meaning =>
        "Build transformers with residual adds and LayerNorm or RmsNorm inside them (pre-norm); post-norm wants a smaller rate or a "
        + "warm-up.";

    public IReadOnlyList<string> Layers => ["LayerNorm", "RmsNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_larger, _residual];

    public Outcome Run(Laboratory laboratory)
    {
        var scores = laboratory.Tune(
            _forms, _rates,
            (form, rate, seed) => laboratory.Score(
                Create(form, laboratory.Data.Train.Side, seed),
                new TrainingSettings { LearningRate = rate, Steps = laboratory.Steps(FullSteps), Seed = seed }),
            score => score.Validation);

        double[] Largest(Form form) =>
        [
            .. Enumerable.Range(0, laboratory.SeedCount).Select(seed =>
                scores[form].Sweep.LastOrDefault(s => s.Runs[seed].Validation >= laboratory.Data.Fair, scores[form].Sweep[0]).Rate),
        ];
        Estimate Test(Form form) => Estimate.Of(scores[form].Runs, s => s.Test);
        Estimate larger =
            Estimate.Ratio(Largest(_pre), Largest(_post), rate => rate) with { GridFactor = Math.Pow(10, 1.0 / RatesPerDecade) };
        Estimate residual = Estimate.Difference(scores[_pre].Runs, scores[_bare].Runs, s => s.Test);
        return new Outcome(
            $"rates {larger.Format(Unit.Times)} as large with pre-norm; residual adds gain {residual.Format(Unit.Points)}",
            $"Test accuracy: {string.Join(", ", _forms.Select(form => $"{Test(form).Format(Unit.Percent)} ({form.Name}, rate {scores[form].RateText})"))}. The largest rate "
            + $"that still trained: {string.Join(", ", _forms.Select(form => $"{Estimate.Of(Largest(form)).Format(Unit.Number)} ({form.Name})"))}.",
            [_larger.Judge(larger), _residual.Judge(residual)])
        {
            Charts =
            [
                Lines.ByRate("Validation accuracy by learning rate", [.. _forms.Select(f => (f.Name, f.Color, scores[f]))], r =>
                    r.Validation) with
                {
                    Goal = laboratory.Data.Fair,
                },
            ],
            Tables =
            [
                new Grid(
                    "Test accuracy by learning rate",
                    ["rate", .. _forms.Select(form => form.Name)],
                    [
                        .. _rates.Select(rate => (string[])
                            [$"{rate}",
                                .. _forms.Select(f =>
                                    Estimate.Of(scores[f].Sweep.First(s => s.Rate == rate).Runs, r => r.Test).Format(Unit.Percent))]),
                    ]),
            ],
        };
    }

    /// <summary>Rows as tokens, a linear step to the width, blocks, a last LayerNorm, the mean over the tokens and a classifier.</summary>
    private static Network Create(Form form, int side, int seed)
    {
        var random = new Random(seed);
        var layers =
            new List<ILayer> { new RowTokens(side), new Linear(side, Width, Math.Sqrt(1.0 / side), random),
                new Positions(side, Width, random) };
        var parts = new List<ILayer>();
        for (int block = 0; block < Blocks; block++)
        {
            parts.Add(new Attention(side, Width, random));
            parts.Add(new Composite(
            [
                new Linear(Width, 2 * Width, Math.Sqrt(2.0 / Width), random), new Relu(),
                    new Linear(2 * Width, Width, Math.Sqrt(0.5 / Width), random),
            ]));
        }

        layers.AddRange(form.Arrange(parts));
        layers.AddRange([new TokenMean(side), new Linear(Width, ImageSet.ClassCount, Math.Sqrt(1.0 / Width), random)]);
        return new Network([side * side], layers);
    }

    private static Normalized Norm() => new(new LayerNorm<float>(Width));

    /// <summary>How the parts of the blocks and normalization are put together; a norm is the last layer.</summary>
    private sealed record Form(string Name, string Color, Func<IReadOnlyList<ILayer>, IEnumerable<ILayer>> Arrange);
}
