using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Normalization;

/// <summary>
/// The layers of a model by their prefixes, as PyTorch names them: the layer at encoder.0.norm has the keys
/// encoder.0.norm.weight, encoder.0.norm.bias and so on. It saves and loads the state of all of them at once.
/// </summary>
/// <example><code>new LayerDictionary&lt;float&gt; { { "encoder.0.norm", first }, { "encoder.1.norm", second } }</code></example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class LayerDictionary<T> : IReadOnlyDictionary<string, NormalizationLayer<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly OrderedDictionary<string, NormalizationLayer<T>> _layers = new(StringComparer.Ordinal);

    /// <summary>Gets the number of layers.</summary>
    public int Count => _layers.Count;

    /// <summary>Gets the prefixes, in the order in which they were added.</summary>
    public IEnumerable<string> Keys => _layers.Keys;

    /// <summary>Gets the layers, in the order of the prefixes.</summary>
    public IEnumerable<NormalizationLayer<T>> Values => _layers.Values;

    /// <summary>Gets a layer.</summary>
    /// <param name="key">The prefix.</param>
    /// <exception cref="KeyNotFoundException">There is no layer at this prefix.</exception>
    public NormalizationLayer<T> this[string key] => _layers[key];

    /// <summary>Adds a layer. The same layer may stand at several prefixes; its state is then saved at each, and the last one loaded counts.</summary>
    /// <param name="prefix">The prefix, without the dot that separates it from weight, bias and so on.</param>
    /// <param name="layer">The layer.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The prefix is empty, ends with a dot, or is there already.</exception>
    public void Add(string prefix, NormalizationLayer<T> layer)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        ArgumentNullException.ThrowIfNull(layer);
        if (prefix.EndsWith('.'))
            throw new ArgumentException($"A prefix stands without the dot after it, got {KeyText.Shown(prefix)}.", nameof(prefix));
        _layers.Add(prefix, layer);
    }

    /// <summary>Gives the state of all layers, each key with the prefix of its layer before it.</summary>
    /// <returns>A copy: what the layers do later does not change it.</returns>
    public StateDictionary State() => StateLoading.Snapshot(Slots());

    /// <summary>
    /// Loads a state into all layers. Everything is checked before anything is changed, as by
    /// <see cref="StateExtensions.LoadState{T}(NormalizationLayer{T}, StateDictionary, bool)"/>: either all values of all layers are
    /// loaded or none.
    /// </summary>
    /// <remarks>Keys at other prefixes are ignored: a model has layers that are not of this library.</remarks>
    /// <param name="state">The state of the model.</param>
    /// <param name="strict">
    /// Whether any mismatch is an error. If not, missing and unexpected keys are tolerated; a wrong type, shape or value still means
    /// that nothing is loaded, and the report says so.
    /// </param>
    /// <returns>What was missing, unexpected at one of the prefixes, or wrong.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="state"/> is null.</exception>
    /// <exception cref="ArgumentException">With <paramref name="strict"/>, the state does not fit; the message names every mismatch.</exception>
    /// <exception cref="IOException">The state lies in a file that cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The state lies in a file that has been disposed.</exception>
    public StateReport LoadState(StateDictionary state, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(state);
        return StateLoading.Load(Slots(), state, key => _layers.Keys.Any(prefix => KeyText.IsUnder(key, prefix)), strict);
    }

    /// <summary>Saves the state of all layers to a safetensors file, as <see cref="SafeTensorsFile.Save"/> does.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be written; the old one is as it was.</exception>
    public void Save(string path) => SafeTensorsFile.Save(path, State());

    /// <summary>Loads the state of all layers from a safetensors file, of which it reads only their values.</summary>
    /// <param name="path">The file.</param>
    /// <param name="strict">As for <see cref="LoadState"/>.</param>
    /// <returns>What was missing, unexpected at one of the prefixes, or wrong.</returns>
    /// <exception cref="ArgumentException">The path is empty, or, with <paramref name="strict"/>, the state does not fit.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public StateReport Load(string path, bool strict = true)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        return LoadState(file.State, strict);
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _layers.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out NormalizationLayer<T> value) => _layers.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, NormalizationLayer<T>>> GetEnumerator() => _layers.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private IEnumerable<StateSlot> Slots() => _layers.SelectMany(static pair => StateSlot.Of(pair.Value, $"{pair.Key}."));
}
