using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Normalization.Training.Learning;

namespace Normalization.Tests.Training;

public sealed class VerdictTests
{
    private static readonly Criterion _floor = Criterion.AtLeast(2, Unit.Times, "something");
    private static readonly Criterion _ceiling = Criterion.AtMost(2, Unit.Times, "something");

    [Theory]
    [InlineData(1.99, false, true)]
    [InlineData(2, true, true)]
    [InlineData(2.01, true, false)]
    [InlineData(double.NaN, false, false)]
    [InlineData(double.PositiveInfinity, true, false)]
    public void A_bound_is_kept_or_not(double seen, bool asFloor, bool asCeiling)
    {
        _floor.Judge(new Estimate(seen, 0, 5)).Answer.Should().Be(asFloor ? Answer.Met : Answer.Missed);
        _ceiling.Judge(new Estimate(seen, 0, 5)).Answer.Should().Be(asCeiling ? Answer.Met : Answer.Missed);
    }

    [Theory]
    [InlineData(2.5, 0.4, "Met", "Missed")]
    [InlineData(2.5, 0.6, "Undecided", "Undecided")]
    [InlineData(1.5, 0.6, "Undecided", "Undecided")]
    [InlineData(1.5, 0.4, "Missed", "Met")]
    public void A_bound_inside_the_interval_decides_nothing(double mean, double halfWidth, string asFloor, string asCeiling)
    {
        _floor.Judge(new Estimate(mean, halfWidth, 5)).Answer.ToString().Should().Be(asFloor);
        _ceiling.Judge(new Estimate(mean, halfWidth, 5)).Answer.ToString().Should().Be(asCeiling);
    }

    [Fact]
    public void A_ratio_that_the_grid_decides_decides_nothing()
    {
        var seen = new Estimate(2.4, 0, 5);
        _floor.Judge(seen).Answer.Should().Be(Answer.Met);
        _floor.Judge(seen with { GridFactor = 1.26 }).Answer.Should().Be(Answer.Undecided);
        (seen with { GridFactor = 1.26 }).Format(Unit.Times).Should().Be("2.4 ± 0.0 times (grid: × or ÷ 1.26)");
    }

    [Fact]
    public void A_verdict_needs_every_part_of_its_rule_and_waits_for_the_undecided_ones()
    {
        Finding met = Finding(3, 0), missed = Finding(1, 0), undecided = Finding(2, 1);
        Verdicts.Of([met, met]).Should().Be(Verdict.Reproduced);
        Verdicts.Of([met, missed]).Should().Be(Verdict.Partly);
        Verdicts.Of([met, missed, undecided]).Should().Be(Verdict.Partly);
        Verdicts.Of([missed, missed]).Should().Be(Verdict.NotReproduced);
        Verdicts.Of([met, undecided]).Should().Be(Verdict.Undecided);
        Verdicts.Of([missed, undecided]).Should().Be(Verdict.Undecided);
        FluentActions.Invoking(static () => Verdicts.Of([])).Should().Throw<ArgumentException>();

        static Finding Finding(double mean, double halfWidth) => _floor.Judge(new Estimate(mean, halfWidth, 5));
    }

    [Fact]
    public void An_estimate_is_the_mean_and_the_interval_of_Student()
    {
        // t(0.975; 3) = 3.18245, and the standard deviation is √(5/3).
        Estimate.Of([1, 2, 3, 4]).Mean.Should().Be(2.5);
        Estimate.Of([1, 2, 3, 4]).HalfWidth.Should().BeApproximately(3.1824463 * Math.Sqrt(5 / 3.0) / 2, 1e-6);
        new Estimate(0.1234, 0.05, 5).Format(Unit.Percent).Should().Be("12.3 ± 5.0 %");
    }

    [Fact]
    public void A_rule_is_not_changed_after_the_run_that_it_judged()
    {
        ClaimResult[] results = [.. AllClaims.List.Select(static claim => PublishedResults.Find(claim.Name)).OfType<ClaimResult>()];
        results.Should().NotBeEmpty();
        foreach (ClaimResult result in results)
        {
            IEnumerable<(string, bool, double)> judged = result.Outcome.Findings.Select(static f => Parts(f.Criterion));
            judged.Should().Equal(AllClaims.Of(result).Rule.Select(Parts), "of {0}", result.Name);
            result.Outcome.Findings.Select(static f => f.Criterion.Judge(f.Seen).Answer)
                .Should().Equal(result.Outcome.Findings.Select(static f => f.Answer), "of {0}", result.Name);
            result.Verdict.Should().Be(Verdicts.Of(result.Outcome.Findings));
        }

        static (string Quantity, bool IsFloor, double Bound) Parts(Criterion c) => (c.Quantity, c.IsFloor, c.Bound);
    }

    [Fact]
    public void A_zero_has_no_sign() => new Estimate(-1e-9, 0.001, 5).Format(Unit.Points).Should().Be("0.0 ± 0.1 points");

    [Fact]
    public void One_seed_has_no_interval() => Estimate.Of([7.0]).Format(Unit.Number).Should().Be("7.00");

    [Fact]
    public void A_run_that_diverged_is_shown_as_diverged_and_not_as_zero()
    {
        Score good = new(1, 1, 0.9), broken = new(0, 0, 0) { Diverged = true };
        Estimate.Of([broken, broken], static s => s.Test).Format(Unit.Percent).Should().Be("diverged");
        Estimate.Of([good, broken], static s => s.Test).Format(Unit.Percent).Should().EndWith("(1 of 2 diverged)");
        Estimate.Of([good, good], static s => s.Test).Format(Unit.Percent).Should().Be("90.0 ± 0.0 %");
        Lines.Line("x", "red", [(1, Estimate.Of([broken, broken], static s => s.Test))]).Diverged.Should().Equal(1);
        new TrainingRun([new CurvePoint(10, 0.8)], Diverged: true, default, default).Accuracy.Should().Be(0);
    }

    [Fact]
    public void A_grid_whose_best_rate_is_its_edge_is_widened()
    {
        Tuned<double> inside = Tune(best: 0.1, quick: false), outside = Tune(best: 100, quick: false), far = Tune(best: 1e9, quick: false);
        (inside.Rate, inside.IsEdge, inside.Sweep.Count).Should().Be((0.1, false, 3));
        (outside.Rate, outside.IsEdge, outside.Sweep.Count).Should().Be((100, false, 6));
        far.IsEdge.Should().BeTrue();
        far.RateText.Should().Contain("edge");
        Tune(best: 100, quick: true).Sweep.Should().HaveCount(3);

        static Tuned<double> Tune(double best, bool quick)
        {
            var laboratory = new Laboratory(ClaimData.Digits(), 2, quick, _ => { }, () => { }, TestContext.Current.CancellationToken);
            return laboratory.Tune(["x"], [0.01, 0.1, 1], (_, rate, _) => -Math.Abs(Math.Log(rate / best)), static quality => quality)["x"];
        }
    }
}
