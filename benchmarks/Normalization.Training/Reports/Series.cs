namespace Normalization.Training.Reports;

/// <summary>One line of a chart.</summary>
internal sealed record Series(string Name, string Color, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>How far the band around the line reaches at each point; none if empty.</summary>
    public IReadOnlyList<double> Deviations { get; init; } = [];
}

/// <summary>Lines over common axes.</summary>
internal sealed record Panel(string Title, Axis X, Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>The height of a dashed line across the panel, if there is one.</summary>
    public double? Goal { get; init; }
}
