namespace Normalization.Training.Reports;

/// <summary>A point of a line, and how far the band around the line reaches there.</summary>
internal readonly record struct ChartPoint(double X, double Y, double Reach = 0);

/// <summary>One line of a chart.</summary>
internal sealed record Series(string Name, string Color, IReadOnlyList<ChartPoint> Points)
{
    /// <summary>The places of the x axis at which every run diverged: there is no value to draw.</summary>
    public IReadOnlyList<double> Diverged { get; init; } = [];
}

/// <summary>Lines over common axes.</summary>
internal sealed record Panel(string Title, Axis X, Axis Y, IReadOnlyList<Series> Series)
{
    /// <summary>The height of a dashed line across the panel, if there is one.</summary>
    public double? Goal { get; init; }
}
