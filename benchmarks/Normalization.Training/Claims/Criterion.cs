namespace Normalization.Training.Claims;

/// <summary>One part of the rule of a claim, decided before the run: a quantity, and the bound that its mean over the seeds has to keep.</summary>
internal sealed record Criterion(string Quantity, bool IsFloor, double Bound, Unit Unit)
{
    public static Criterion AtLeast(double bound, Unit unit, string quantity) => new(quantity, true, bound, unit);

    public static Criterion AtMost(double bound, Unit unit, string quantity) => new(quantity, false, bound, unit);

    public override string ToString() => $"{Quantity}: at {(IsFloor ? "least" : "most")} {Unit.FormatWhole(Bound)}";

    /// <summary>What is no number keeps no bound.</summary>
    public Finding Judge(Estimate seen) => new(this, seen, IsFloor ? seen.Mean >= Bound : seen.Mean <= Bound);
}

/// <summary>A part of the rule and what was seen.</summary>
internal sealed record Finding(Criterion Criterion, Estimate Seen, bool IsMet);

internal enum Verdict
{
    NotReproduced,
    Partly,
    Reproduced,

    /// <summary>Too short a run, or too few seeds, for a verdict.</summary>
    NotJudged,
}

internal static class Verdicts
{
    /// <summary>Reproduced when every part of the rule is met, partly when some are, not reproduced when none is.</summary>
    public static Verdict Of(IReadOnlyCollection<Finding> findings) =>
        findings.Count == 0 ? throw new ArgumentException("a verdict needs at least one finding", nameof(findings))
        : findings.All(f => f.IsMet) ? Verdict.Reproduced
        : findings.Any(f => f.IsMet) ? Verdict.Partly
        : Verdict.NotReproduced;

    public static string DisplayName(this Verdict verdict) => verdict switch
    {
        Verdict.NotReproduced => "not reproduced",
        Verdict.Partly => "partly",
        Verdict.Reproduced => "reproduced",
        Verdict.NotJudged => "not judged",
        _ => throw new ArgumentOutOfRangeException(nameof(verdict)),
    };
}
