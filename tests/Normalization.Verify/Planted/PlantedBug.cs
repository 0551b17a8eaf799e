using System.Text.RegularExpressions;

namespace Normalization.Verify.Planted;

/// <summary>A mistake that somebody could make: what it changes in the sources, and the test that must notice it.</summary>
/// <remarks>No file is named, so that sources can be moved: each original stands exactly once in all of them.</remarks>
internal sealed record PlantedBug(string Name, string Test, params (string Original, string Planted)[] Edits)
{
    /// <summary>Where an original stands more than once: the type that declares the one that is meant. Only its files are searched.</summary>
    public string? Type { get; init; }

    /// <summary>The files that the bug changes, as they are with it.</summary>
    /// <param name="sources">The text of every source, by its path.</param>
    public IReadOnlyDictionary<string, string> Plant(IReadOnlyDictionary<string, string> sources)
    {
        Dictionary<string, string> changed = [];
        foreach ((string original, string planted) in Edits)
        {
            string path = PathOf(original, sources);
            changed[path] = changed.GetValueOrDefault(path, sources[path]).Replace(original, planted, StringComparison.Ordinal);
        }
        return changed;
    }

    private string PathOf(string original, IReadOnlyDictionary<string, string> sources)
    {
        string[] found =
        [
            .. from source in sources
               where Type is null || Regex.IsMatch(source.Value, $@"\b(class|struct|interface|enum|record) {Type}\b")
               from _ in Enumerable.Repeat(0, source.Value.Split(original).Length - 1)
               select source.Key,
        ];
        return found.Length == 1
            ? found[0]
            : throw new InvalidOperationException($"{Name}: {Type ?? "the sources"} must have this once, not {found.Length} times: {original}");
    }
}
