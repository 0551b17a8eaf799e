namespace Normalization.Programs;

/// <summary>Guesses what somebody meant to write.</summary>
internal static class Suggestion
{
    private const int MostEdits = 3;

    /// <summary>"; did you mean X?" for the nearest known word, or nothing if none is near.</summary>
    public static string For(string word, IEnumerable<string> known)
    {
        (string Name, int Edits) nearest =
            known.Select(name => (name, Edits(word, name))).DefaultIfEmpty(("", int.MaxValue)).MinBy(k => k.Item2);
        return nearest.Edits <= Math.Min(MostEdits, word.Length / 2) ? $"; did you mean {nearest.Name}?" : "";
    }

    /// <summary>How many letters have to be put in, left out or replaced (the distance of Levenshtein).</summary>
    private static int Edits(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        foreach (char letter in a)
        {
            int diagonal = row[0]++;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (letter == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
