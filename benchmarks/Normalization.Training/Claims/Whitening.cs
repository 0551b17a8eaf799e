using Normalization.Training.Claims.Method;
using Normalization.Training.Data;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

internal sealed class Whitening : IClaim
{
    private static readonly IReadOnlyList<double> _rates = Tuning.Rates(0.003, 0.3, 4);

    private static readonly Criterion _standardizing = Criterion.AtLeast(
        1.2, Unit.Times, "steps to a good accuracy at the fastest rate of each, pixels as they are over standardized");
    private static readonly Criterion _decorrelating = Criterion.AtLeast(1.2, Unit.Times, "the same, standardized over whitened");

    public string Name => "whitening";

    public string Title => "Standardizing is cheap; decorrelating adds speed at a price";

    public string Source => "LeCun et al. 1998, section 4.3; Ioffe and Szegedy 2015, sections 2 and 3";

    public string Statement =>
        "Networks train faster when their inputs are whitened: “linearly transformed to have zero means and unit variances, and "
        + "decorrelated”. Since “the full whitening of each layer’s inputs is costly”, BatchNorm standardizes each unit by itself.";

    public string Experiment =>
        "A perceptron of three hidden layers of 64 ReLU units, 400 steps, whose inputs are the pixels as they are, each with mean 0 and "
        + "variance 1, or also without correlations (ZCA; small variances are raised by 1 % of the largest). The fastest rate of each is "
        + "chosen on validation images, its steps are counted on test images with other seeds.";

    public string Meaning =>
        "Standardize your inputs; whitening them costs n² work for each example, and may even cost steps: measure before you pay.";

    public IReadOnlyList<string> Layers => ["BatchNorm"];

    public int Seeds => 20;

    public IReadOnlyList<Criterion> Rule => [_standardizing, _decorrelating];

    public Outcome Run(Laboratory laboratory)
    {
        ImageSet train = laboratory.Data.Train;
        InputTransform standardizing = InputTransform.Standardizing(train), whitening = InputTransform.Whitening(train);
        Contestant[] contestants =
        [
            Inputs("as they are", Palette.Grey, () => []),
            Inputs("standardized", Palette.Blue, () => [standardizing.Copy()]),
            Inputs("whitened", Palette.Vermilion, () => [whitening.Copy()]),
        ];
        var race = new Race(laboratory, _rates, fullSteps: 400);
        IReadOnlyList<Racer> racers = race.Run(contestants);

        Estimate Ratio(int a, int b) => Estimate.Ratio(racers[a].Steps, racers[b].Steps, steps => steps);
        (Estimate standardized, Estimate whitened) = (Ratio(0, 1), Ratio(1, 2));
        int pixels = train.PixelCount;
        return new Outcome(
            $"steps with plain pixels over standardized: {standardized.Format(Unit.Times)}; standardized over whitened: {whitened.Format(Unit.Times)}",
            $"To {laboratory.Data.Good:P0} it took {string.Join(", ", racers.Select(r => $"{Estimate.Of(r.Steps).Format(Unit.Steps)} {r.Contestant.Name}"))}. For "
            + $"{pixels} pixels standardizing takes {pixels} multiplications an image and whitening {pixels * pixels:N0}, after about "
            + $"{Math.Pow(pixels, 3):N0} to find the axes.",
            [_standardizing.Judge(standardized), _decorrelating.Judge(whitened)])
        {
            Charts = [race.Curves(racers), Race.AccuracyByRate(racers)],
            Tables = [race.Table(racers)],
        };
    }

    private static Contestant Inputs(string name, string color, Func<IEnumerable<ILayer>> first) => new(
        name, color, (inputs, seed) => new Perceptron(inputs) { BeforeAll = first }.Create(seed));
}
