using System.Globalization;

namespace Normalization.Programs;

/// <summary>
/// What follows a command: flags like --quick, values like --n 1000 or --n=1000, and words. Anything that the command did not ask for is
/// an error.
/// </summary>
internal sealed class Options
{
    private readonly Dictionary<string, string?> _given = [];
    private readonly List<string> _words = [];
    private readonly HashSet<string> _known = [];

    public Options(ReadOnlySpan<string> arguments)
    {
        All = [.. arguments];
        for (int i = 0; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
            {
                _words.Add(arguments[i]);
                continue;
            }
            string[] parts = arguments[i].Split('=', 2);
            bool hasValue = parts.Length == 1 && i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (!_given.TryAdd(parts[0], parts.Length == 2 ? parts[1] : hasValue ? arguments[++i] : null))
                throw new UsageException($"{parts[0]} is given twice");
        }
    }

    /// <summary>Everything as it was given, for a command that hands it on.</summary>
    public IReadOnlyList<string> All { get; }

    public bool Flag(string name)
    {
        _known.Add(name);
        return _given.TryGetValue(name, out string? value) && (value is null ? true : throw new UsageException($"{name} takes no value"));
    }

    public int? Number(string name)
    {
        _known.Add(name);
        if (!_given.TryGetValue(name, out string? value))
            return null;
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new UsageException($"{name} needs a number");
    }

    public string? Text(string name)
    {
        _known.Add(name);
        if (!_given.TryGetValue(name, out string? value))
            return null;
        return string.IsNullOrEmpty(value) ? throw new UsageException($"{name} needs a value") : value;
    }

    /// <summary>The one word that has to follow the command: one of these.</summary>
    public string Word(params IReadOnlyList<string> choices)
    {
        string word = _words.Count > 0 ? _words[0] : throw new UsageException($"one of {string.Join(", ", choices)} is missing");
        _words.RemoveAt(0);
        return choices.Contains(word) ? word : throw new UsageException($"unknown word '{word}'{Suggestion.For(word, choices)}");
    }

    /// <summary>Ends the reading: what nobody has asked for is an error.</summary>
    public void RejectUnknown()
    {
        foreach (string name in _given.Keys.Where(name => !_known.Contains(name)))
            throw new UsageException($"unknown option {name}{Suggestion.For(name, _known)}");
        foreach (string word in _words)
            throw new UsageException($"unexpected argument '{word}'");
    }
}

internal sealed class UsageException(string message) : Exception(message);
