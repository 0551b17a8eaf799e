using System.Globalization;
using System.Text;

namespace Normalization;

/// <summary>A state of another framework by PyTorch's keys, and what was converted.</summary>
public sealed class StateImport
{
    private readonly StateMapping _mapping;
    private readonly List<KeyValuePair<string, string>> _converted = [];
    private readonly List<string> _ignored = [];
    private readonly List<string> _notes = [];

    internal StateImport(StateMapping mapping) => _mapping = mapping;

    /// <summary>Gets the values by PyTorch's keys.</summary>
    public StateDictionary State { get; } = [];

    /// <summary>Gets the other framework's keys with those that they became.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Converted => _converted;

    /// <summary>Gets the other framework's keys that are not of a normalization layer.</summary>
    public IReadOnlyList<string> Ignored => _ignored;

    /// <summary>
    /// Returns a report: what every key was converted to, and what differs between the frameworks for these layers.
    /// </summary>
    /// <returns>The report, of several lines.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{_mapping.Framework}: {_converted.Count} values converted, {_ignored.Count} ignored.");
        foreach (string line in KeyText.Limited(
            [.. _converted.Select(static pair => $"{KeyText.Shown(pair.Key)} -> {KeyText.Shown(pair.Value)}")]))
        {
            text.Append("\n  ").Append(line);
        }
        if (_ignored.Count > 0)
            text.Append("\n  ignored: ").Append(KeyText.List(_ignored));
        foreach (string line in KeyText.Limited([.. _notes.Concat(Differences())]))
            text.Append("\n  ").Append(line);
        return text.ToString();
    }

    internal void Convert(string key, string translated, StateValue value)
    {
        _converted.Add(new(key, translated));
        State.Add(translated, value);
    }

    internal void Ignore(string key) => _ignored.Add(key);

    internal void Note(string text) => _notes.Add(text);

    private IEnumerable<string> Differences()
    {
        string[][] layers =
            [.. State.Keys.GroupBy(static key => key[..Math.Max(key.LastIndexOf('.'), 0)], NameOf).Select(static layer => layer.ToArray())];
        int batch = layers.Count(static names => names.Contains("running_mean") || names.Contains("running_var"));
        int weightAlone = layers.Count(static names => names is ["weight"]), rest = layers.Length - batch - weightAlone;
        if (batch > 0)
        {
            double momentum = _mapping.MomentumConvention.Convert(_mapping.BatchNormMomentum);
            yield return Text(
                $"Batch normalization ({Count(batch)}) has by default epsilon {_mapping.BatchNormEpsilon} there, ",
                $"and momentum {_mapping.BatchNormMomentum}, which is {momentum:G6} here.");
            if (_mapping.HasBiasedRunningVariance)
            {
                yield return "The running variance there is the biased one; it is taken as it is, so that evaluation computes the same. "
                    + "Before further training, construct the layer with HasBiasedRunningVariance = true.";
            }
        }
        string otherwise = Text(
            $"layer normalization has by default epsilon {_mapping.LayerNormEpsilon} there, ",
                $"group normalization {_mapping.GroupNormEpsilon}");
        if (rest > 0)
            yield return $"Without running statistics ({Count(rest)}): {otherwise}.";
        if (weightAlone > 0)
        {
            yield return Text(
                $"With weight alone ({Count(weightAlone)}): RMS normalization has by default epsilon {_mapping.RmsNormEpsilon} there; ",
                    $"{otherwise}.");
        }
    }

    private static string NameOf(string key) => key[(key.LastIndexOf('.') + 1)..];

    private static string Text(FormattableString first, FormattableString second) =>
        FormattableString.Invariant(first) + FormattableString.Invariant(second);

    private static string Count(int layers) => layers == 1 ? "1 layer" : $"{layers} layers";
}
