using Normalization.Training.Claims;

namespace Normalization.Training.Commands;

/// <summary>What the person who wants the claims tested asks for.</summary>
internal sealed record ClaimsOptions(CommonOptions Common, int? Seeds, IReadOnlyList<IClaim> Claims)
{
    /// <summary>Fewer seeds give no verdict.</summary>
    public const int FewestSeeds = 5;

    private const int QuickSeeds = 2;
    private const int MostSeeds = 1000;

    public static string HelpText =>
        $"""
        claims [NAME...]: puts what is said of normalization to the test, on real images. Writes the result of
        each claim (NAME.json, NAME.svg) and a page over all results in the folder (claims.html).

        {string.Join('\n', AllClaims.List.Select(claim => $"  {claim.Name,-22} {claim.Title}"))}

        Options:
          --seeds N      how often everything is repeated, with other first weights and batches (default: as
                         many as each claim needs; fewer than {FewestSeeds}, or --quick, give no verdict)
        {CommonOptions.HelpText}

        {CommonOptions.ExitCodes}
        """;

    /// <summary>How many seeds a claim gets.</summary>
    public int SeedsOf(IClaim claim) => Seeds ?? (Common.Quick ? QuickSeeds : claim.Seeds);

    public static ClaimsOptions Parse(IReadOnlyList<string> arguments)
    {
        int? seeds = null;
        var claims = new List<IClaim>();
        CommonOptions common = CommonOptions.Parse(arguments, ["--seeds", .. AllClaims.List.Select(claim => claim.Name)], reader =>
        {
            if (reader.Current == "--seeds")
            {
                seeds = reader.Number(1, MostSeeds);
                return true;
            }

            IClaim? named = AllClaims.List.FirstOrDefault(claim => claim.Name == reader.Current);
            if (named is not null)
                claims.Add(named);

            return named is not null;
        });
        return new ClaimsOptions(common, seeds, claims.Count > 0 ? [.. claims.Distinct()] : AllClaims.List);
    }
}
