using Normalization.Training.Claims;

namespace Normalization.Training.Reports;

/// <summary>The folder of a report: the page, and each chart as a picture of its own.</summary>
internal sealed class ReportFolder(string path)
{
    private readonly string _page = Path.Combine(path, "claims.html");

    public void EnsureWritable()
    {
        OutputFile.CreateFolder(path);
        OutputFile.EnsureWritable(_page);
    }

    /// <summary>Returns where the page is.</summary>
    public string Write(IReadOnlyList<ClaimResult> results, string setup, string time)
    {
        OutputFile.Write(_page, ClaimReport.Create(results, setup, time));
        foreach (ClaimResult result in results)
        {
            string picture = Path.Combine(path, $"{result.Claim.Name}.svg");
            OutputFile.Write(picture, SvgChart.Draw(result.Claim.Title, result.Outcome.Charts));
        }

        return Path.GetFullPath(_page);
    }
}
