namespace Normalization.Verify.Planted;

/// <summary>A mistake that somebody could make: what it changes in one file, named from src/Normalization, and the test that must notice it.</summary>
internal sealed record PlantedBug(string Name, string File, string Test, params (string Original, string Planted)[] Edits)
{
    /// <summary>Plants the bug in the text of the file, every piece of which must be there exactly once.</summary>
    public string Plant(string source)
    {
        foreach ((string original, string planted) in Edits)
        {
            int count = source.Split(original).Length - 1;
            if (count != 1)
                throw new InvalidOperationException($"{Name}: {File} has {count} times, not once: {original}");
            source = source.Replace(original, planted, StringComparison.Ordinal);
        }
        return source;
    }
}
