using System.Globalization;

namespace Normalization.Benchmarks;

/// <summary>The comparison as markdown: medians in microseconds, and each as a multiple of this library's.</summary>
internal sealed class ComparisonTable(IReadOnlyList<IComparisonColumn> columns)
{
    public const string ThisLibrary = "Normalization";
    public const string Limit = "limit";

    private readonly int _own = IndexOf(columns, ThisLibrary, "plain");
    private readonly List<double> _overFastest = [], _overFastestPlain = [];
    private readonly SortedSet<string> _reasons = new(StringComparer.Ordinal);
    private string _worst = "";

    public void WriteHeader()
    {
        Console.WriteLine($"\n| operation | shape |{string.Concat(columns.Select(c => $" {Title(c)} |"))}");
        Console.WriteLine($"|---|---|{string.Concat(columns.Select(_ => "---:|"))}");
    }

    public void WriteRow(ComparisonCase item, RoundTimes[] results)
    {
        double own = _own < 0 ? double.NaN : results[_own].Median;
        string shape = item.Groups == 0 ? item.Shape : $"{item.Shape} g{item.Groups}";
        Console.WriteLine($"| {item.Operation} | {shape} |{string.Concat(results.Select((r, i) => $" {Cell(r, own, i)} |"))}");
        for (int i = 0; i < results.Length; i++)
        {
            if (results[i].Unsupported is { } reason)
                _reasons.Add($"{Title(columns[i])}: {reason}");
        }

        double fastest = Fastest(results, _ => true) / own, plain = Fastest(results, c => c.Layout == "plain") / own;
        if (double.IsFinite(fastest))
        {
            if (_overFastest.Count == 0 || fastest < _overFastest.Min())
                _worst = $"{item}";
            _overFastest.Add(fastest);
        }

        if (double.IsFinite(plain))
            _overFastestPlain.Add(plain);
    }

    public void WriteSummary()
    {
        Console.WriteLine("\nMedians of the rounds in µs; in brackets, as a multiple of Normalization's.");
        if (_reasons.Count > 0)
            Console.WriteLine("\nThe dashes:\n");
        foreach (string reason in _reasons)
            Console.WriteLine($"* {reason}");
        if (_overFastest.Count == 0)
            return;
        Console.WriteLine($"""

            * against the fastest peer in any layout: {GeometricMean(_overFastest):F2}x (geometric mean), least {_overFastest.Min():F2}x on {_worst}
            * against the fastest peer in the plain layout: {GeometricMean(_overFastestPlain):F2}x (geometric mean), least {_overFastestPlain.Min():F2}x
            """);
    }

    private static int IndexOf(IReadOnlyList<IComparisonColumn> columns, string library, string layout)
    {
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Library == library && columns[i].Layout == layout)
                return i;
        }

        return -1;
    }

    private static string Title(IComparisonColumn column) => column.Layout == "plain" ? column.Library : $"{column.Library}, {column.Layout}";

    private static double GeometricMean(List<double> values) => Math.Exp(values.Average(Math.Log));

    private string Cell(RoundTimes result, double own, int column)
    {
        if (result.Unsupported is not null)
            return "-";
        double us = result.Median;
        string text = us.ToString(us < 10 ? "F3" : us < 1000 ? "F1" : "F0", CultureInfo.InvariantCulture);
        return column == _own || double.IsNaN(own) ? text : $"{text} ({us / own:F2})";
    }

    // The composition from TensorPrimitives and the limit are no peers.
    private double Fastest(RoundTimes[] results, Func<IComparisonColumn, bool> counts)
    {
        double fastest = double.PositiveInfinity;
        for (int i = 0; i < results.Length; i++)
        {
            if (columns[i].Library is not (ThisLibrary or Limit or "TensorPrimitives") && counts(columns[i]) && results[i].Unsupported is null)
                fastest = Math.Min(fastest, results[i].Median);
        }

        return fastest;
    }
}
