using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Normalization;

/// <summary>
/// The state of a layer or of a whole model: values by their keys, in the order in which they were added. The keys of a layer
/// are PyTorch's: weight, bias, running_mean, running_var, num_batches_tracked.
/// </summary>
/// <example>
/// <code>
/// float[] gamma = [1, 2], beta = [3, 4];
/// var state = new StateDictionary { { "weight", new Tensor&lt;float>(gamma) }, { "bias", new Tensor&lt;float>(beta) } };
/// var norm = new LayerNorm&lt;float>(2);
/// norm.LoadState(state);
/// </code>
/// </example>
public sealed class StateDictionary : IReadOnlyDictionary<string, StateValue>
{
    private readonly OrderedDictionary<string, StateValue> _values = new(StringComparer.Ordinal);

    /// <summary>Gets the number of values.</summary>
    public int Count => _values.Count;

    /// <summary>Gets the keys, in order.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>Gets the values, in the order of the keys.</summary>
    public IEnumerable<StateValue> Values => _values.Values;

    /// <summary>Gets a value.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="KeyNotFoundException">There is no such key.</exception>
    public StateValue this[string key] => _values[key];

    /// <summary>Adds a value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(string key, StateValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _values.Add(key, value);
    }

    /// <summary>
    /// Gives the values whose keys begin with a prefix, by the rest of each key: from the state of a model, the state of one layer.
    /// </summary>
    /// <param name="prefix">The prefix, without the dot after it, for example encoder.0.norm.</param>
    /// <returns>A new dictionary of the same values; empty if no key begins with the prefix.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="prefix"/> is null.</exception>
    public StateDictionary GetSubset(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var result = new StateDictionary();
        foreach ((string key, StateValue value) in _values)
        {
            if (KeyText.IsUnder(key, prefix))
                result.Add(key[(prefix.Length + 1)..], value);
        }
        return result;
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _values.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out StateValue value) => _values.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, StateValue>> GetEnumerator() => _values.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Returns the keys with the types and shapes of their values.</summary>
    /// <returns>For example <c>weight: F32 [64], bias: F32 [64]</c>.</returns>
    public override string ToString() => string.Join(", ", _values.Select(static pair => $"{KeyText.Shown(pair.Key)}: {pair.Value}"));
}
