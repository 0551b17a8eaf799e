using System.Text;

namespace Normalization;

/// <summary>How a state fitted what it was loaded into.</summary>
public sealed class StateReport
{
    internal StateReport(
        bool isLoaded,
        IReadOnlyList<string> missing,
        IReadOnlyList<string> unexpected,
        IReadOnlyList<string> errors,
        string? suggestedPrefix = null) =>
        (IsLoaded, MissingKeys, UnexpectedKeys, Errors, SuggestedPrefix) = (isLoaded, missing, unexpected, errors, suggestedPrefix);

    /// <summary>
    /// Gets a value indicating whether the state was loaded. True means that every value with a known key was loaded; false means that no
    /// value was loaded.
    /// </summary>
    public bool IsLoaded { get; }

    /// <summary>
    /// Gets the keys that the state lacks. The values of the layer at these keys have not changed. A state is complete without
    /// num_batches_tracked.
    /// </summary>
    public IReadOnlyList<string> MissingKeys { get; }

    /// <summary>Gets the keys that the layer, or the layer at this prefix, does not have.</summary>
    public IReadOnlyList<string> UnexpectedKeys { get; }

    /// <summary>Gets what is wrong with single values, each in one sentence that begins with the key.</summary>
    public IReadOnlyList<string> Errors { get; }

    /// <summary>
    /// Gets a better prefix, with its dot: under this prefix the state has more keys of the <see cref="LayerDictionary{T}"/> than under the
    /// given one. Empty means that these keys have no prefix. Null means that no prefix is better.
    /// </summary>
    public string? SuggestedPrefix { get; }

    /// <summary>Returns the report as a text of a few lines.</summary>
    /// <returns>The report.</returns>
    public override string ToString()
    {
        var text = new StringBuilder(IsLoaded ? "The state was loaded." : "The state does not fit; nothing was changed.");
        Append(text, "missing keys", MissingKeys);
        Append(text, "unexpected keys", UnexpectedKeys);
        if (SuggestedPrefix is not null)
        {
            text.Append("\n  more of the keys are there ");
            text.Append(SuggestedPrefix.Length == 0 ? "without a prefix" : $"with the prefix {KeyText.Shown(SuggestedPrefix)}");
        }
        foreach (string error in KeyText.Limited(Errors))
            text.Append("\n  ").Append(error);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string what, IReadOnlyList<string> keys)
    {
        if (keys.Count > 0)
            text.Append("\n  ").Append(what).Append(": ").Append(KeyText.List(keys));
    }
}
