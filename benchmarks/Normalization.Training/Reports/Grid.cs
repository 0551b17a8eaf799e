namespace Normalization.Training.Reports;

/// <summary>A table of words and numbers; the first column names its rows.</summary>
internal sealed record Grid(string Title, IReadOnlyList<string> Header, IReadOnlyList<IReadOnlyList<string>> Rows);
