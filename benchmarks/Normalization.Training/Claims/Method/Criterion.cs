namespace Normalization.Training.Claims.Method;

/// <summary>One part of the rule of a claim, decided before the run: a quantity, and the bound that it has to keep.</summary>
internal sealed record Criterion(string Quantity, bool IsFloor, double Bound, Unit Unit)
{
    public static Criterion AtLeast(double bound, Unit unit, string quantity) => new(quantity, true, bound, unit);

    public static Criterion AtMost(double bound, Unit unit, string quantity) => new(quantity, false, bound, unit);

    public override string ToString() => $"{Quantity}: at {(IsFloor ? "least" : "most")} {Unit.FormatWhole(Bound)}";

    /// <summary>
    /// Met or missed only where the whole interval of the estimate lies on one side. What is no number keeps no bound, and what no run
    /// has shown decides nothing.
    /// </summary>
    public Finding Judge(Estimate seen)
    {
        (double near, double far) = IsFloor ? (seen.Low, seen.High) : (-seen.High, -seen.Low);
        double bound = IsFloor ? Bound : -Bound;
        Answer answer = seen.Count == 0 ? Answer.Undecided
            : double.IsNaN(seen.Mean) ? Answer.Missed
            : near >= bound ? Answer.Met
            : far < bound ? Answer.Missed
            : Answer.Undecided;
        return new(this, seen, answer);
    }

    /// <summary>What no run got far enough to show.</summary>
    public Finding Unseen() => Judge(new(double.NaN, 0, 0));
}

/// <summary>Whether a bound was kept.</summary>
internal enum Answer
{
    Missed,
    Met,

    /// <summary>The bound lies inside the interval of the estimate, or no run showed the quantity.</summary>
    Undecided,
}

/// <summary>A part of the rule and what was seen.</summary>
internal sealed record Finding(Criterion Criterion, Estimate Seen, Answer Answer);

internal enum Verdict
{
    NotReproduced,
    Partly,
    Reproduced,
    Undecided,

    /// <summary>Too short a run, or too few seeds, for a verdict.</summary>
    NotJudged,
}

internal static class Verdicts
{
    /// <summary>Reproduced when every part of the rule is met, partly when some are, not reproduced when none is;
    /// undecided when the parts that are undecided could change which of these it is.</summary>
    public static Verdict Of(IReadOnlyCollection<Finding> findings)
    {
        if (findings.Count == 0)
            throw new ArgumentException("a verdict needs at least one finding", nameof(findings));

        int met = findings.Count(f => f.Answer == Answer.Met);
        int missed = findings.Count(f => f.Answer == Answer.Missed);
        return met == findings.Count ? Verdict.Reproduced
            : missed == findings.Count ? Verdict.NotReproduced
            : met > 0 && missed > 0 ? Verdict.Partly
            : Verdict.Undecided;
    }

    public static string DisplayName(this Verdict verdict) => verdict switch
    {
        Verdict.NotReproduced => "not reproduced",
        Verdict.Partly => "partly",
        Verdict.Reproduced => "reproduced",
        Verdict.Undecided => "undecided",
        Verdict.NotJudged => "not judged",
        _ => throw new ArgumentOutOfRangeException(nameof(verdict)),
    };
}
