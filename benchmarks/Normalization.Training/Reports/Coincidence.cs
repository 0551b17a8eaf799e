namespace Normalization.Training.Reports;

/// <summary>Finds lines that lie on each other, so that all of them can be seen: each is dashed where the others have their gaps.</summary>
internal static class Coincidence
{
    private const double Near = 2.5;
    private const double Share = 0.8;
    private const int Dash = 7;

    /// <summary>The dashes of each line, such as <c>stroke-dasharray="7 7" stroke-dashoffset="7"</c>; empty for a line that lies
    /// alone.</summary>
    public static IReadOnlyList<string> Dashes(IReadOnlyList<IReadOnlyList<(double X, double Y)>> lines)
    {
        int[] groups = [.. lines.Select((line, i) => Enumerable.Range(0, i + 1).First(j => j == i || LieTogether(lines[j], line)))];
        return [.. groups.Select((group, i) =>
        {
            int count = groups.Count(g => g == group), place = groups[..i].Count(g => g == group);
            return count == 1 ? "" : $"""stroke-dasharray="{Dash} {Dash * (count - 1)}" stroke-dashoffset="{-Dash * place}" """;
        })];
    }

    private static bool LieTogether(IReadOnlyList<(double X, double Y)> a, IReadOnlyList<(double X, double Y)> b)
    {
        var heights = a.GroupBy(p => p.X).ToDictionary(p => p.Key, p => p.First().Y);
        int common = b.Count(p => heights.ContainsKey(p.X));
        int near = b.Count(p => heights.TryGetValue(p.X, out double y) && Math.Abs(y - p.Y) <= Near);
        return common > 1 && near >= Share * common;
    }
}
