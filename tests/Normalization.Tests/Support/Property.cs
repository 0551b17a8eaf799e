using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>Laws that hold for whatever is drawn: shapes and options that nobody thought of, the same in every run.</summary>
internal static class Property
{
    private const int Runs = 100;

    /// <summary>Any layer of [N, C, S] or, for rows, of [N, C·S].</summary>
    public static Gen<Case> Cases { get; } = CasesOf(Enum.GetValues<Kind>());

    /// <summary>The layers that treat each sample by itself.</summary>
    public static Gen<Case> PerSample { get; } = CasesOf(Kind.Instance, Kind.Group, Kind.Layer, Kind.Rms);

    /// <summary>The layers that subtract a mean.</summary>
    public static Gen<Case> Centered { get; } = CasesOf(Kind.Batch, Kind.Instance, Kind.Group, Kind.Layer);

    /// <summary>The layers that follow the statistics of their batches.</summary>
    public static Gen<Case> Tracking { get; } = CasesOf(Kind.Batch, Kind.Instance).Select(static item => item with { Track = true });

    public static Gen<int> Seeds { get; } = Gen.Choose(1, 1_000_000);

    public static Gen<Case> CasesOf(params Kind[] kinds) =>
        from kind in Gen.Elements(kinds)
        from n in Gen.Choose(1, 9)
        from groups in Gen.Choose(1, 4)
        from perGroup in Gen.Choose(1, 9)
        from s in Gen.Choose(2, 140)
        from affine in Gen.Elements(true, false)
        from track in Gen.Elements(true, false)
        let c = groups * perGroup
        select new Case(kind, kind is Kind.Layer or Kind.Rms ? [n, c * s] : [n, c, s]) { Groups = groups, Affine = affine, Track = track };

    public static void Holds<TDrawn>(Gen<TDrawn> drawn, Func<TDrawn, bool> law, int runs = Runs) =>
        Prop.ForAll(drawn.ToArbitrary(), law).Check(Config.QuickThrowOnFailure.WithMaxTest(runs).WithReplay(2024, 7));

    /// <summary>Whether a call is refused with exactly this exception.</summary>
    public static bool Refuses<TException>(Action call) where TException : Exception
    {
        try
        {
            call();
            return false;
        }
        catch (TException exception)
        {
            return exception.GetType() == typeof(TException);
        }
    }
}
