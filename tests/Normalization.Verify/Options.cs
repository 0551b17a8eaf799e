using System.Globalization;

namespace Normalization.Verify;

/// <summary>What follows a command: flags like --quick and numbers like --n 1000. Anything that was not asked for is an error.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string?> _given = [];
    private readonly HashSet<string> _known = [];

    public Options(ReadOnlySpan<string> arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
                throw new UsageException($"unexpected argument {arguments[i]}");
            string name = arguments[i];
            bool hasValue = i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (!_given.TryAdd(name, hasValue ? arguments[++i] : null))
                throw new UsageException($"{name} is given twice");
        }
    }

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
        return _given.TryGetValue(name, out string? value) ? value ?? throw new UsageException($"{name} needs a value") : null;
    }

    public void RejectUnknown()
    {
        foreach (string name in _given.Keys.Where(name => !_known.Contains(name)))
            throw new UsageException($"unknown option {name}");
    }
}

internal sealed class UsageException(string message) : Exception(message);
