using System.Text.Json;
using System.Text.Json.Serialization;
using Normalization.Training.Claims;

namespace Normalization.Training.Reports;

/// <summary>A folder of results, one file for each claim, and the page over all of them.</summary>
internal sealed class ResultStore(string folder)
{
    private const string PageName = "claims.html";

    private static readonly JsonSerializerOptions _json = new()
    {
        WriteIndented = false,
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string PagePath => Path.Combine(folder, PageName);

    public void EnsureWritable()
    {
        OutputFile.CreateFolder(folder);
        OutputFile.EnsureWritable(PagePath);
    }

    public static string ToJson(ClaimResult result) => JsonSerializer.Serialize(result, _json) + "\n";

    public static ClaimResult FromJson(string json) => JsonSerializer.Deserialize<ClaimResult>(json, _json)!;

    /// <summary>The results that are there, in the order of the claims.</summary>
    public IReadOnlyList<ClaimResult> Load() =>
        [.. AllClaims.List.Select(claim => FileOf(claim.Name)).Where(File.Exists).Select(path => FromJson(File.ReadAllText(path)))];

    public void Save(ClaimResult result) => OutputFile.Write(FileOf(result.Name), ToJson(result));

    /// <summary>Writes the page over all results that are there.</summary>
    public void WritePage() => OutputFile.Write(PagePath, Page());

    public string Page() => ClaimReport.Create(Load(), Checkout.WayFrom(folder));

    public void WritePicture(ClaimResult result) => OutputFile.Write(Path.Combine(folder, $"{result.Name}.svg"), Picture(result));

    public static string Picture(ClaimResult result) => SvgChart.Draw(AllClaims.Of(result).Title, result.Outcome.Charts);

    private string FileOf(string name) => Path.Combine(folder, $"{name}.json");
}
