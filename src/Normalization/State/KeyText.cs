using System.Globalization;
using System.Text;

namespace Normalization;

/// <summary>Keys, and how a message shows them: they come from files and may hold anything.</summary>
internal static class KeyText
{
    private const int LongestShown = 120;
    private const int MostListed = 100;

    public static bool IsUnder(string key, string prefix) =>
        key.Length > prefix.Length && key[prefix.Length] == '.' && key.StartsWith(prefix, StringComparison.Ordinal);

    /// <summary>A prefix as it stands before a key.</summary>
    public static string WithDot(string prefix) => prefix.Length == 0 || prefix.EndsWith('.') ? prefix : $"{prefix}.";

    /// <summary>A key without control characters, and not longer than a line.</summary>
    public static string Shown(string key)
    {
        var text = new StringBuilder();
        foreach (char letter in key.AsSpan(0, Math.Min(key.Length, LongestShown)))
        {
            if (char.IsControl(letter) || char.IsSurrogate(letter) || char.GetUnicodeCategory(letter) == UnicodeCategory.Format)
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:X4}");
            else
                text.Append(letter);
        }
        return text.Append(key.Length > LongestShown ? "..." : "").ToString();
    }

    public static string List(IReadOnlyCollection<string> keys) => string.Join(", ", Limited(keys).Select(Shown));

    /// <summary>The first of many, and how many are left out.</summary>
    public static IEnumerable<string> Limited(IReadOnlyCollection<string> lines) =>
        lines.Count <= MostListed ? lines : lines.Take(MostListed).Append($"and {lines.Count - MostListed} more");
}
