namespace Normalization;

/// <summary>How another framework names the values of a normalization layer, and what its numbers mean.</summary>
/// <remarks>
/// The last part of a key, after a slash or a dot, is translated; the parts before it become the prefix, with dots. The values
/// stay as they are.
/// </remarks>
/// <example>
/// <code>
/// var keras = new StateDictionary { { "block/norm/gamma", new Tensor&lt;float>(8) }, { "block/norm/beta", new Tensor&lt;float>(8) } };
/// StateImport import = StateMapping.Keras.Import(keras);
/// Console.WriteLine(import);  // what became of each key, and which ε to give to the layer
/// var norm = new LayerNorm&lt;float>(8, epsilon: StateMapping.Keras.LayerNormEpsilon);
/// norm.LoadState(import.State.GetSubset("block.norm"));
/// </code>
/// </example>
public sealed class StateMapping
{
    private readonly Dictionary<string, string> _names;

    /// <summary>Creates a mapping of names.</summary>
    /// <param name="framework">The name of the framework, for reports.</param>
    /// <param name="names">From the other framework's names to weight, bias, running_mean, running_var or num_batches_tracked.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The framework is empty, or a name leads to something else than these five.</exception>
    public StateMapping(string framework, IReadOnlyDictionary<string, string> names)
    {
        ArgumentException.ThrowIfNullOrEmpty(framework);
        ArgumentNullException.ThrowIfNull(names);
        Framework = framework;
        _names = new(names, StringComparer.Ordinal);
        foreach (string name in _names.Values)
        {
            if (name is not ("weight" or "bias" or "running_mean" or "running_var" or "num_batches_tracked"))
                throw new ArgumentException($"A layer has no value {KeyText.Shown(name)}.", nameof(names));
        }
    }

    /// <summary>
    /// Gets the mapping of Keras: gamma, beta, moving_mean, moving_variance, and scale of RMSNormalization, with or without the :0 of
    /// old files. Batch, layer and group normalization there have ε 1e-3, RMS normalization 1e-6; batch normalization has momentum 0.99
    /// on the old value, and a biased running variance.
    /// </summary>
    /// <remarks>
    /// Keras 3 numbers the values of a layer instead of naming them, as in layers/batch_normalization_1/vars/0. What a number means
    /// follows from the class of the layer, which its name begins with. In a layer with a name of its own, four vectors of one length
    /// are γ, β, mean and variance, and two are γ and β. Where γ or β may be missing, the file does not say which: then the values are
    /// ignored, and the report says so.
    /// </remarks>
    public static StateMapping Keras { get; } = new("Keras", new Dictionary<string, string>
    {
        ["gamma"] = "weight",
        ["scale"] = "weight",
        ["beta"] = "bias",
        ["moving_mean"] = "running_mean",
        ["moving_variance"] = "running_var",
    })
    {
        BatchNormEpsilon = 1e-3,
        LayerNormEpsilon = 1e-3,
        GroupNormEpsilon = 1e-3,
        RmsNormEpsilon = 1e-6,
        BatchNormMomentum = 0.99,
        MomentumConvention = MomentumConvention.OnOldValue,
        HasBiasedRunningVariance = true,
        HasNumberedValues = true,
    };

    /// <summary>
    /// Gets the mapping of Flax: scale, bias, mean, var, under the collections params and batch_stats, which are not a part of the prefix.
    /// Batch normalization there has ε 1e-5, momentum 0.99 on the old value, and a biased running variance; layer, group, instance and RMS
    /// normalization have ε 1e-6.
    /// </summary>
    public static StateMapping Flax { get; } = new("Flax", new Dictionary<string, string>
    {
        ["scale"] = "weight",
        ["bias"] = "bias",
        ["mean"] = "running_mean",
        ["var"] = "running_var",
    })
    {
        LayerNormEpsilon = 1e-6,
        GroupNormEpsilon = 1e-6,
        RmsNormEpsilon = 1e-6,
        BatchNormMomentum = 0.99,
        MomentumConvention = MomentumConvention.OnOldValue,
        HasBiasedRunningVariance = true,
        Collections = ["params", "batch_stats"],
    };

    /// <summary>Gets the name of the other framework.</summary>
    public string Framework { get; }

    /// <summary>Gets the default ε of its batch normalization; 1e-5 unless it is given.</summary>
    public double BatchNormEpsilon { get; init; } = 1e-5;

    /// <summary>Gets the default ε of its layer normalization; 1e-5 unless it is given.</summary>
    public double LayerNormEpsilon { get; init; } = 1e-5;

    /// <summary>Gets the default ε of its group normalization; 1e-5 unless it is given.</summary>
    public double GroupNormEpsilon { get; init; } = 1e-5;

    /// <summary>Gets the default ε of its RMS normalization; 1e-6 unless it is given.</summary>
    public double RmsNormEpsilon { get; init; } = 1e-6;

    /// <summary>Gets the default momentum of its batch normalization, in its own convention; 0.1 unless it is given.</summary>
    public double BatchNormMomentum { get; init; } = 0.1;

    /// <summary>Gets what that momentum weighs; the new value unless it is given.</summary>
    public MomentumConvention MomentumConvention { get; init; } = MomentumConvention.OnNewValue;

    /// <summary>
    /// Gets a value indicating whether its running variance is the biased one, while this library keeps the unbiased one unless
    /// <see cref="RunningStatisticsLayer{T}.HasBiasedRunningVariance"/> is set.
    /// </summary>
    public bool HasBiasedRunningVariance { get; init; }

    /// <summary>Gets the first parts of keys that only say what kind of value follows. They are not a part of the prefix.</summary>
    public IReadOnlyList<string> Collections { get; init; } = [];

    /// <summary>Whether values may be numbered instead of named, as Keras 3 does.</summary>
    internal bool HasNumberedValues { get; init; }

    /// <summary>Translates the keys of a state.</summary>
    /// <remarks>
    /// A biased running variance is taken as it is: evaluation then computes what it computed there. Further training moves it toward the
    /// biased one where the layer has <see cref="RunningStatisticsLayer{T}.HasBiasedRunningVariance"/>, and toward the unbiased one
    /// otherwise. ε, momentum and that choice are not in a state: give them to the layer, as the report says.
    /// </remarks>
    /// <param name="state">The values by the other framework's keys.</param>
    /// <returns>The values by PyTorch's keys, and what was converted and what was not.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="state"/> is null.</exception>
    /// <exception cref="ArgumentException">Two keys become the same.</exception>
    public StateImport Import(StateDictionary state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var result = new StateImport(this);
        var origins = new Dictionary<string, string>(StringComparer.Ordinal);
        Dictionary<string, string> numbered = HasNumberedValues ? NumberedValues.Translate(state, result.Note) : [];
        HashSet<string> others = OtherLayers(state);
        foreach ((string key, StateValue value) in state)
        {
            (string prefix, string? name) = Split(key);
            string? translated = name is null ? numbered.GetValueOrDefault(key) : others.Contains(prefix) ? null : Join(prefix, name);
            if (translated is null)
            {
                result.Ignore(key);
                continue;
            }
            if (!origins.TryAdd(translated, key))
            {
                throw new ArgumentException(
                    $"{KeyText.Shown(origins[translated])} and {KeyText.Shown(key)} both become "
                        + $"{KeyText.Shown(translated)}.", nameof(state));
            }
            result.Convert(key, translated, value);
        }
        return result;
    }

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : $"{prefix}.{name}";

    /// <summary>Layers whose only known value is a bias beside unknown ones, as that of a dense layer stands beside its kernel.</summary>
    private HashSet<string> OtherLayers(StateDictionary state)
    {
        var names = state.Keys.Select(Split).ToLookup(static key => key.Prefix, static key => key.Name, StringComparer.Ordinal);
        return names.Where(static layer => layer.Contains(null) && layer.All(static name => name is null or "bias"))
            .Select(static layer => layer.Key).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The prefix of a key with dots, and the name that its last part means here, if it means one.</summary>
    private (string Prefix, string? Name) Split(string key)
    {
        // TensorFlow numbers the outputs of a variable, of which there is one.
        string path = key.EndsWith(":0", StringComparison.Ordinal) ? key[..^2] : key;
        int end = path.LastIndexOfAny(['/', '.']);
        string? name = _names.GetValueOrDefault(path[(end + 1)..]);
        string prefix = path[..Math.Max(end, 0)].Replace('/', '.');
        foreach (string collection in Collections)
        {
            if (prefix == collection)
                return ("", name);
            if (KeyText.IsUnder(prefix, collection))
                return (prefix[(collection.Length + 1)..], name);
        }
        return (prefix, name);
    }
}
