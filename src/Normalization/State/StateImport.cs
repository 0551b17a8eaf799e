using System.Globalization;
using System.Text;

namespace Normalization;

/// <summary>A state of another framework by PyTorch's keys, and what was converted.</summary>
public sealed class StateImport
{
    private readonly StateMapping _mapping;
    private readonly List<KeyValuePair<string, string>> _converted = [];
    private readonly List<string> _ignored = [];

    internal StateImport(StateMapping mapping) => _mapping = mapping;

    /// <summary>Gets the values by PyTorch's keys.</summary>
    public StateDictionary State { get; } = [];

    /// <summary>Gets the other framework's keys with those that they became.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Converted => _converted;

    /// <summary>Gets the other framework's keys that are not of a normalization layer.</summary>
    public IReadOnlyList<string> Ignored => _ignored;

    /// <summary>Returns a report: every key with what became of it, and what differs between the frameworks.</summary>
    /// <returns>The report, of several lines.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{_mapping.Framework}: {_converted.Count} values converted, {_ignored.Count} ignored.");
        foreach (string line in KeyText.Limited([.. _converted.Select(static pair => $"{KeyText.Shown(pair.Key)} -> {KeyText.Shown(pair.Value)}")]))
            text.Append("\n  ").Append(line);
        if (_ignored.Count > 0)
            text.Append("\n  ignored: ").Append(KeyText.List(_ignored));
        double momentum = MomentumConversion.Convert(_mapping.BatchNormMomentum, _mapping.MomentumConvention);
        text.Append(
            CultureInfo.InvariantCulture,
            $"\n  Batch normalization has by default epsilon {_mapping.BatchNormEpsilon} there, and momentum {_mapping.BatchNormMomentum}, which is {momentum:G6} here.");
        if (_mapping.HasBiasedRunningVariance)
            text.Append("\n  The running variance there is the biased one; it is taken as it is, so that evaluation computes the same.");
        return text.ToString();
    }

    internal void Convert(string key, string translated, StateValue value)
    {
        _converted.Add(new(key, translated));
        State.Add(translated, value);
    }

    internal void Ignore(string key) => _ignored.Add(key);
}
