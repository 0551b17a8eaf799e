using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Spectre.Console;

namespace Normalization.Training.Reports;

internal static class ClaimTable
{
    public static Table Create(IReadOnlyList<ClaimResult> results)
    {
        Table table = new Table().AddColumn("Claim").AddColumn("Verdict").AddColumn("Seen");
        table.Border = TableBorder.Square;
        foreach (ClaimResult result in results)
            table.AddRow(new Text(AllClaims.Of(result).Title), new Text(result.Verdict.DisplayName()), new Text(result.Outcome.KeyFigure));

        return table;
    }
}
