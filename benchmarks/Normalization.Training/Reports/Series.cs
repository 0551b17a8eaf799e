namespace Normalization.Training.Reports;

/// <summary>One line of a chart, its heights from 0 to 1.</summary>
internal sealed record Series(string Name, string Color, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Lines over common axes.</summary>
internal sealed record Panel(string Title, IReadOnlyList<Series> Series);
