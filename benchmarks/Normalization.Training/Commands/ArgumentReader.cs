using System.Globalization;
using Normalization.Programs;

namespace Normalization.Training.Commands;

/// <summary>Goes through the command line: options with a value ("--name value" or "--name=value"), flags and words.</summary>
internal sealed class ArgumentReader(IReadOnlyList<string> arguments)
{
    private int _next;
    private string? _attached;

    /// <summary>The option or word read last.</summary>
    public string Current { get; private set; } = "";

    public bool Next()
    {
        if (_next == arguments.Count)
            return false;

        string[] parts = arguments[_next++].Split('=', 2);
        (Current, _attached) = (parts[0], parts.Length == 2 ? parts[1] : null);
        return true;
    }

    public bool Flag() => _attached is null ? true : throw new UsageException($"{Current} takes no value");

    public string Value()
    {
        string? value = _attached ?? (_next < arguments.Count ? arguments[_next++] : null);
        return string.IsNullOrEmpty(value) ? throw new UsageException($"{Current} needs a value") : value;
    }

    public int Number(int least, int most)
    {
        string text = Value();
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= least
            && number <= most
            ? number
            : throw new UsageException($"{Current} needs a whole number from {least} to {most}, not '{text}'");
    }

    /// <summary>What to say of an argument that is none of those known.</summary>
    public UsageException Unknown(IEnumerable<string> known) =>
        new($"unknown argument '{arguments[_next - 1]}'{Suggestion.For(Current, known)}; --help lists all");
}
