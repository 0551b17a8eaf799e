using Normalization.PublicApi.Tests;
using Normalization.Training;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Normalization.Training.Commands;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;
using Normalization.Training.Reports;

namespace Normalization.Tests.Training;

public sealed class ClaimTests
{
    private static readonly Criterion _floor = Criterion.AtLeast(2, Unit.Times, "something");

    public static TheoryData<string> Names => [.. AllClaims.List.Select(static claim => claim.Name)];


    [Theory]
    [MemberData(nameof(Names))]
    public void A_claim_says_all_that_a_reader_needs(string name)
    {
        IClaim claim = AllClaims.List.Single(c => c.Name == name);
        new[] { claim.Title, claim.Source, claim.Statement, claim.Experiment, claim.Meaning }.Should()
            .OnlyContain(static text => text.Length > 10);
        claim.Rule.Should().NotBeEmpty();
        claim.Seeds.Should().BeGreaterThanOrEqualTo(ClaimsOptions.FewestSeeds);
        foreach (string layer in claim.Layers)
            Repository.Read("src", "Normalization", "Layers", $"{layer}.cs").Should().NotBeEmpty();

        Repository.Read("benchmarks", "Normalization.Training", "Claims", $"{claim.GetType().Name}.cs").Should().Contain($"\"{name}\"");
    }

    [Fact]
    public void Signals_grow_by_the_root_of_the_width()
    {
        ImageSet images = ClaimData.Digits().Train.Some(16);
        double[] spreads = SignalGrowth.Spreads(new SignalGrowth.Setting("", "", 1), images, seed: 1);
        SignalGrowth.Growth(spreads).Should().BeApproximately(Math.Sqrt(SignalGrowth.Width), 1);
        SignalGrowth.FirstBeyond(spreads).Should().BeInRange(31, 33);

        double[] kept =
            SignalGrowth.Spreads(new("", "", 1) { Norm = static () => new LayerNorm<float>(SignalGrowth.Width) }, images, seed: 1);
        kept.Should().OnlyContain(static spread => Math.Abs(spread - 1) < 1e-3);
    }

    [Fact]
    public void A_training_on_many_threads_gives_the_bits_of_one()
    {
        ClaimData data = ClaimData.Digits();
        var laboratory = new Laboratory(data, seeds: 4, quick: false, _ => { }, () => { }, TestContext.Current.CancellationToken);
        IReadOnlyDictionary<NormalizationKind, float[][]> together =
            laboratory.ForEach([NormalizationKind.None, NormalizationKind.BatchNorm], Train);
        foreach ((NormalizationKind kind, float[][] results) in together)
        {
            for (int seed = 1; seed <= results.Length; seed++)
                Train(kind, seed).Should().Equal(results[seed - 1]);
        }

        float[] Train(NormalizationKind kind, int seed)
        {
            Network network = Contestant.Perceptron(kind, depth: 2).Create(data.Train.PixelCount, seed);
            laboratory.Train(network, new TrainingSettings { LearningRate = 0.1, Steps = 5, Seed = seed }, data.Validation);
            return network.Parameters[0].Value.Span.ToArray();
        }
    }

    [Fact]
    public void No_image_is_learned_from_and_reported()
    {
        ClaimData data = ClaimData.Digits();
        HashSet<string>[] sets = [Images(data.Train), Images(data.Validation), Images(data.Test)];
        (sets[0].Count + sets[1].Count + sets[2].Count).Should().Be(DigitReader.ReadEmbedded().Count);
        sets[0].Overlaps(sets[1]).Should().BeFalse();
        sets[0].Overlaps(sets[2]).Should().BeFalse();
        sets[1].Overlaps(sets[2]).Should().BeFalse();

        static HashSet<string> Images(ImageSet set) =>
            [.. new Batches(set, [set.PixelCount], 1).InOrder().Select(static batch => string.Join(' ', batch.Images.Span.ToArray()))];
    }

    [Fact]
    public void The_same_batches_come_again_only_when_asked_for()
    {
        Rounds(sameAgain: true).Should().OnlyContain(static rounds => rounds.First == rounds.Second);
        Rounds(sameAgain: false).Should().Contain(static rounds => rounds.First != rounds.Second);

        static (string First, string Second)[] Rounds(bool sameAgain)
        {
            var batches = new Batches(ClaimData.Digits().Train.Some(64), [64], 16);
            var random = new Random(1);
            string[] seen =
                [.. Enumerable.Range(0, 8).Select(_ => string.Join(' ', batches.NextRandom(random, sameAgain).Images.Span.ToArray()))];
            return [.. seen[..4].Zip(seen[4..])];
        }
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("--seeds 0")]
    [InlineData("--seeds many")]
    [InlineData("--quick=yes")]
    [InlineData("--data letters")]
    [InlineData("--data digits=")]
    [InlineData("--data fashion-mnist=")]
    [InlineData("--output")]
    public void A_command_that_makes_no_sense_is_refused(string command) =>
        FluentActions.Invoking(() => ClaimsOptions.Parse(command.Split(' '))).Should().Throw<UsageException>();

    [Fact]
    public void A_command_names_its_claims_or_means_all_of_them()
    {
        ClaimsOptions.Parse([]).Claims.Should().Equal(AllClaims.List);
        ClaimsOptions some = ClaimsOptions.Parse(["style", "--seeds=7", "sequences", "style", "--data", "fashion-mnist=a=b"]);
        some.Claims.Select(static claim => claim.Name).Should().Equal("style", "sequences");
        (some.Seeds, some.Common.Data).Should().Be((7, "fashion-mnist=a=b"));
    }

    [Fact]
    public void A_report_needs_nothing_from_elsewhere_and_shows_text_as_text()
    {
        var outcome = new Outcome("a < b", "\"c\" & d", [_floor.Judge(new Estimate(3, 1, 5))])
        {
            Charts =
                [new Panel("<title>", Axis.Linear(0, 1), Axis.Percent(),
                    [new Series("x", Palette.Blue, [new(0, 0.5), new(1, double.NaN)])])],
            Tables = [new Grid("e", ["<td>"], [["&"]])],
        };
        string page = ClaimReport.Create([new ClaimResult(AllClaims.List[0].Name, "{0}", 5, Verdict.Partly, outcome)], repository: null);
        page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal).Should()
            .NotContainAny("http", "src=", "@import", "url(", "NaN", "<td><td>");
        page.Should().ContainAll("a &lt; b", "&quot;c&quot; &amp; d", "&lt;title&gt;", "{0}", "&lt;td&gt;");
    }

    [Fact]
    public void An_axis_has_round_ticks_and_keeps_everything_inside()
    {
        Axis.Linear(0, 250).Ticks.Should().Equal(0, 50, 100, 150, 200, 250);
        Axis.Linear(-3, 2).Ticks.Should().Equal(-3, -2, -1, 0, 1, 2);
        Axis.Logarithmic(0.001, 10).Ticks.Should().HaveCount(5).And.Contain(0.001).And.Contain(10);
        Axis.Logarithmic(1e-2, 1e40).Ticks.Should().HaveCountLessThan(10);
        Axis axis = Axis.Logarithmic(0.01, 100);
        axis.Position(1).Should().BeApproximately(0.5, 1e-12);
        axis.Position(-5).Should().Be(0);
        axis.Position(double.PositiveInfinity).Should().Be(1);
        Axis.Logarithmic(1e-8, 1e8).Format(1e-6).Should().Be("10⁻⁶");
    }
}
