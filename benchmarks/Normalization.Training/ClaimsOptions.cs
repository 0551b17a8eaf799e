using Normalization.Training.Claims;

namespace Normalization.Training;

/// <summary>What the person who wants the claims tested asks for.</summary>
internal sealed record ClaimsOptions
{
    public const int FewestSeeds = 5;

    private const int QuickSeeds = 2;
    private const int MostSeeds = 1000;
    private const string FashionMnist = "fashion-mnist=";

    private int? _seeds;

    public bool Help { get; init; }

    public bool Quick { get; init; }

    /// <summary>The claims to test; all of them if none is named.</summary>
    public IReadOnlyList<IClaim> Claims { get; init; } = [];

    public int Seeds
    {
        get => _seeds ?? (Quick ? QuickSeeds : FewestSeeds);
        init => _seeds = value;
    }

    /// <summary>The folder of Fashion-MNIST; null for the digits inside.</summary>
    public string? FashionPath { get; init; }

    public string OutputFolder { get; init; } = Path.Combine(Path.GetTempPath(), "normalization-claims");

    public static string HelpText =>
        $"""
        claims [NAME...]: puts what is said of normalization to the test, on real images. Writes a report
        (claims.html) and its charts (SVG).

        {string.Join('\n', AllClaims.List.Select(claim => $"  {claim.Name,-22} {claim.Title}"))}

        Options:
          --seeds N      how often everything is repeated, with other first weights and batches (default
                         {FewestSeeds}; fewer, or --quick, give no verdict)
          --quick        a few steps of everything, {QuickSeeds} seeds: shows that it works, not what is true
          --data fashion-mnist=DIR
                         the images of Fashion-MNIST instead of the 8x8 digits inside: its four IDX files,
                         gzipped or not (the Debian package dataset-fashion-mnist has them)
          --out DIR      where the report goes
                         (default {new ClaimsOptions().OutputFolder})
          --help         this text

        Exit code: 0 done, 2 wrong option or file, 130 stopped by Ctrl-C.

        """;

    public static ClaimsOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new ClaimsOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.Next())
        {
            options = reader.Current switch
            {
                "--help" or "-h" => options with { Help = reader.Flag() },
                "--quick" => options with { Quick = reader.Flag() },
                "--seeds" => options with { Seeds = reader.Number(1, MostSeeds) },
                "--data" => options with { FashionPath = ParseData(reader.Value()) },
                "--out" => options with { OutputFolder = reader.Value() },
                _ => options with { Claims = [.. options.Claims, AllClaims.List.FirstOrDefault(c => c.Name == reader.Current) ?? throw reader.Unknown()] },
            };
        }

        return options.Claims.Count > 0 ? options with { Claims = [.. options.Claims.Distinct()] } : options with { Claims = AllClaims.List };
    }

    private static string ParseData(string data) => data.StartsWith(FashionMnist, StringComparison.Ordinal) && data.Length > FashionMnist.Length
        ? data[FashionMnist.Length..]
        : throw new UsageException($"--data knows {FashionMnist}DIR, not '{data}'");
}
