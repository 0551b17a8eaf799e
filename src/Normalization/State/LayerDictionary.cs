using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Normalization;

/// <summary>
/// The layers of a model by their prefixes, as PyTorch names them: the layer at encoder.0.norm has the keys
/// encoder.0.norm.weight, encoder.0.norm.bias and so on. The dictionary saves and loads the state of all layers at once.
/// </summary>
/// <example>
/// <code>
/// var layers = new LayerDictionary&lt;float>
/// {
///     { "encoder.0.norm", new LayerNorm&lt;float>(8) },
///     { "encoder.1.norm", new LayerNorm&lt;float>(8) },
/// };
/// layers.Eval();
/// StateDictionary state = layers.GetState();  // encoder.0.norm.weight, encoder.0.norm.bias, encoder.1.norm.weight, ...
/// layers.LoadState(state);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class LayerDictionary<T> : IReadOnlyDictionary<string, NormalizationLayer<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly OrderedDictionary<string, NormalizationLayer<T>> _layers = new(StringComparer.Ordinal);
    private readonly List<NormalizationLayer<T>> _distinctLayers = [];
    private readonly List<Parameter<T>> _parameters = [];

    /// <summary>Gets the number of layers.</summary>
    public int Count => _layers.Count;

    /// <summary>Gets the prefixes, in the order in which they were added.</summary>
    public IEnumerable<string> Keys => _layers.Keys;

    /// <summary>Gets the layers, in the order of the prefixes.</summary>
    public IEnumerable<NormalizationLayer<T>> Values => _layers.Values;

    /// <summary>
    /// Gets the parameters of all layers, in the order of the prefixes, frozen ones (<see cref="Parameter{T}.RequiresGradient"/>)
    /// included. A layer with several prefixes gives its parameters once.
    /// </summary>
    public IReadOnlyList<Parameter<T>> Parameters => _parameters;

    /// <summary>Gets a layer.</summary>
    /// <param name="key">The prefix.</param>
    /// <exception cref="KeyNotFoundException">There is no layer at this prefix.</exception>
    public NormalizationLayer<T> this[string key] => _layers[key];

    /// <summary>
    /// Adds a layer. The same layer may have several prefixes. Its state is then saved at each prefix, and the state that is loaded
    /// last is used.
    /// </summary>
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
        if (_distinctLayers.Contains(layer))
            return;
        _distinctLayers.Add(layer);
        _parameters.AddRange(layer.Parameters);
    }

    /// <summary>Switches all layers to training mode.</summary>
    public void Train()
    {
        foreach (NormalizationLayer<T> layer in _distinctLayers)
            layer.Train();
    }

    /// <summary>
    /// Switches all layers to training mode as <see cref="Train()"/> does, or to evaluation mode as <see cref="Eval"/> does.
    /// </summary>
    /// <param name="isTraining">Whether the layers are to train.</param>
    public void Train(bool isTraining)
    {
        foreach (NormalizationLayer<T> layer in _distinctLayers)
            layer.Train(isTraining);
    }

    /// <summary>Switches all layers to evaluation mode.</summary>
    public void Eval()
    {
        foreach (NormalizationLayer<T> layer in _distinctLayers)
            layer.Eval();
    }

    /// <summary>Sets the gradients of all parameters to zero, also those of frozen parameters.</summary>
    public void ZeroGradients()
    {
        foreach (Parameter<T> parameter in _parameters)
            parameter.ZeroGradient();
    }

    /// <summary>
    /// From now on every BatchNorm takes its batch statistics over all ranks, as with <see cref="BatchNorm{T}.Synchronize"/>. The other
    /// layers exchange nothing. All ranks must call this, for equal layers in the same order.
    /// </summary>
    /// <param name="collective">The ranks; null, or a single rank, ends the synchronization.</param>
    /// <exception cref="CollectiveException">The ranks' layers differ, or the exchange failed; every layer is as it was.</exception>
    public void Synchronize(ICollective? collective)
    {
        BatchNorm<T>[] layers = [.. _distinctLayers.OfType<BatchNorm<T>>()];
        Synchronization?[] before = Array.ConvertAll(layers, static layer => layer.Ranks);
        try
        {
            foreach (BatchNorm<T> layer in layers)
                layer.Synchronize(collective);
        }
        catch
        {
            for (int i = 0; i < layers.Length; i++)
                layers[i].Ranks = before[i];
            throw;
        }
    }

    /// <summary>
    /// Begins to take the running statistics of all layers anew from the samples of the forward passes that follow. Layers that do not
    /// track running statistics are left as they are.
    /// </summary>
    /// <remarks><see cref="Recalibration{T}"/> has the rules.</remarks>
    /// <param name="method">How the statistics of the batches become those of the population.</param>
    /// <returns>What gathers the statistics; call <see cref="Recalibration{T}.Complete"/> after the passes, and dispose it.</returns>
    /// <exception cref="InvalidOperationException">A recalibration of one of the layers is under way.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such method.</exception>
    public Recalibration<T> Recalibrate(RecalibrationMethod method = RecalibrationMethod.Pooled) => new(
        from layer in _layers.DistinctBy(static pair => pair.Value)
        where layer.Value is RunningStatisticsLayer<T> { RunningMean: not null }
        select (layer.Key, (RunningStatisticsLayer<T>)layer.Value),
        method);

    /// <summary>Gives the state of all layers, each key with the prefix of its layer before it.</summary>
    /// <returns>A copy: what the layers do later does not change it.</returns>
    public StateDictionary GetState() => StateLoading.Snapshot(Slots());

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
    /// <exception cref="ArgumentException">With <paramref name="strict"/>, the state does not fit; the message names every
    /// mismatch.</exception>
    /// <exception cref="IOException">The state lies in a file that cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The state lies in a file that has been disposed.</exception>
    public StateReport LoadState(StateDictionary state, bool strict = true) => LoadState(state, "", strict);

    /// <summary>
    /// Loads a state whose keys have one more prefix than those of this dictionary, for example <c>module.</c> of PyTorch's
    /// DataParallel or <c>model.</c> of a larger model. Everything else is as without a prefix.
    /// </summary>
    /// <param name="state">The state of the model.</param>
    /// <param name="prefix">What stands before every key, with or without the dot at its end; empty for nothing.</param>
    /// <param name="strict">Whether any mismatch is an error.</param>
    /// <returns>
    /// What was missing, unexpected at one of the prefixes, or wrong, by the keys of the state; <see cref="StateReport.SuggestedPrefix"/>
    /// is the prefix at which more keys are there.
    /// </returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// With <paramref name="strict"/>, the state does not fit; the message names every mismatch, and the prefix that would fit.
    /// </exception>
    /// <exception cref="IOException">The state lies in a file that cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The state lies in a file that has been disposed.</exception>
    public StateReport LoadState(StateDictionary state, string prefix, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(prefix);
        prefix = KeyText.WithDot(prefix);
        return StateLoading.Load(
            Slots(prefix), state, key => _layers.Keys.Any(layer => KeyText.IsUnder(key, prefix + layer)), strict, prefix);
    }

    /// <summary>Saves the state of all layers to a safetensors file, as <see cref="SafeTensorsFile.Save"/> does.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The file is read-only, or must not be written; the old one is as it was.</exception>
    public void Save(string path) => SafeTensorsFile.Save(path, GetState());

    /// <summary>
    /// Saves a checkpoint that has the state of all layers and is otherwise unchanged: the values of other layers, of any type, and the
    /// metadata. See <see cref="SafeTensorsFile.SaveChanged"/>.
    /// </summary>
    /// <param name="path">The file to write; it may be the checkpoint itself (on Windows an open file cannot be replaced).</param>
    /// <param name="checkpoint">The open checkpoint, which has the keys of all layers; num_batches_tracked may be missing.</param>
    /// <param name="prefix">What stands before every key there, with or without the dot at its end; empty for nothing.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The path is empty, a key is not in the checkpoint, a shape is another one, or a number does not fit the type there. Nothing has
    /// been written.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written or the checkpoint cannot be read; the old file is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be written; the old one is as it was.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint has been disposed.</exception>
    public void Save(string path, SafeTensorsFile checkpoint, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(prefix);
        IEnumerable<StateSlot> slots = Slots(KeyText.WithDot(prefix));
        checkpoint.SaveChanged(path, StateLoading.Snapshot(slots.Where(slot => !slot.IsOptional
            || checkpoint.State.ContainsKey(slot.Key))));
    }

    /// <summary>Loads the state of all layers from a safetensors file. Only the values of these layers are read.</summary>
    /// <remarks>
    /// The limit is also the most that <see cref="Save(string)"/> writes. Pass a lower limit for a file that is not trusted.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="strict">As for <see cref="LoadState(StateDictionary, bool)"/>.</param>
    /// <param name="headerLimit">
    /// The longest header in bytes that is accepted, at most <see cref="SafeTensorsFile.MaxHeaderLimit"/>.
    /// </param>
    /// <returns>What was missing, unexpected at one of the prefixes, or wrong.</returns>
    /// <exception cref="ArgumentException">The path is empty, or, with <paramref name="strict"/>, the state does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive, or too high.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public StateReport Load(string path, bool strict = true, int headerLimit = SafeTensorsFile.MaxHeaderLimit) =>
        Load(path, "", strict, headerLimit);

    /// <summary>
    /// Loads the state of all layers from a safetensors file whose keys have one more prefix than those of this dictionary.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="prefix">What stands before every key, with or without the dot at its end; empty for nothing.</param>
    /// <param name="strict">As for <see cref="LoadState(StateDictionary, string, bool)"/>.</param>
    /// <param name="headerLimit">
    /// The longest header in bytes that is accepted, at most <see cref="SafeTensorsFile.MaxHeaderLimit"/>.
    /// </param>
    /// <returns>What was missing, unexpected at one of the prefixes, or wrong.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="prefix"/> is null.</exception>
    /// <exception cref="ArgumentException">The path is empty, or, with <paramref name="strict"/>, the state does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive, or too high.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public StateReport Load(string path, string prefix, bool strict = true, int headerLimit = SafeTensorsFile.MaxHeaderLimit)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        using SafeTensorsFile file = SafeTensorsFile.Open(path, headerLimit);
        return LoadState(file.State, prefix, strict);
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _layers.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out NormalizationLayer<T> value) => _layers.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, NormalizationLayer<T>>> GetEnumerator() => _layers.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private IEnumerable<StateSlot> Slots(string prefix = "") =>
        _layers.SelectMany(pair => StateSlot.Of(pair.Value, $"{prefix}{pair.Key}."));
}
