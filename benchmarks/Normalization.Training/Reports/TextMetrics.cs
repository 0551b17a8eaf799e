namespace Normalization.Training.Reports;

/// <summary>How wide a text is at most. The widths are those of DejaVu Sans, the widest of the fonts that systems take for
/// "system-ui".</summary>
internal static class TextMetrics
{
    private const int Unknown = 850;
    private const double BoldFactor = 1.12;

    // Thousandths of the size of the letters, from the space to the tilde.
    private static readonly int[] _widths =
    [
        318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636, 636, 636,
            337, 337,
        838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732,
            684, 989,
        685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635,
            411, 521,
        392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
    ];

    public static double Width(string text, double size, bool isBold = false) =>
        text.Sum(Advance) * size / 1000 * (isBold ? BoldFactor : 1);

    /// <summary>Breaks a text between words into lines that are no wider than this, where a word allows it.</summary>
    public static IReadOnlyList<string> Wrap(string text, double size, double width, bool isBold = false)
    {
        var lines = new List<string>();
        foreach (string word in text.Split(' '))
        {
            string longer = lines.Count > 0 ? $"{lines[^1]} {word}" : word;
            if (lines.Count > 0 && Width(longer, size, isBold) <= width)
                lines[^1] = longer;
            else
                lines.Add(word);
        }

        return lines;
    }

    private static int Advance(char letter) => letter - ' ' is int i && i >= 0 && i < _widths.Length ? _widths[i] : letter switch
    {
        '⁰' or '¹' or '²' or '³' or '⁴' or '⁵' or '⁶' or '⁷' or '⁸' or '⁹' => 401,
        '⁻' => 528,
        'γ' or 'β' or 'σ' or 'μ' or '√' => 640,
        _ => Unknown,
    };
}
