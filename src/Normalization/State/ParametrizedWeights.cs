using System.Numerics;
using System.Text;

namespace Normalization;

/// <summary>
/// A state whose weights are plain: those that PyTorch's weight_norm and spectral_norm store in parts are computed, and what was computed
/// is reported.
/// </summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>keys</term><description>the weight becomes</description></listheader>
/// <item><term>weight_g, weight_v</term><description>g · v / ‖v‖</description></item>
/// <item><term>parametrizations.weight.original0, original1</term><description>the same, g and then v</description></item>
/// <item><term>weight_orig, weight_u, weight_v</term><description>w₀ / (uᵀ · W · v), as in evaluation</description></item>
/// <item><term>parametrizations.weight.original, 0._u, 0._v</term><description>the same</description></item>
/// </list>
/// <para>
/// Other names than weight are folded in the same way, as weight_ih_l0 of a recurrent layer is. The dimension follows from the shapes:
/// from that of g, and from the lengths of u and v. Where several dimensions have these lengths, the one is taken for which u and v
/// belong together. Parts that do not fit stay as they are, and the report says why. Values of 64 bits are computed in double, all
/// others in float.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var state = new StateDictionary { { "conv.weight_g", magnitude }, { "conv.weight_v", direction } };
/// ParametrizedWeights folded = ParametrizedWeights.Fold(state);
/// Console.WriteLine(folded);
/// Tensor&lt;float&gt; weight = folded.State["conv.weight"].ToTensor&lt;float&gt;();
/// </code>
/// </example>
public sealed class ParametrizedWeights
{
    private const string Parametrizations = "parametrizations.";

    private readonly StateDictionary _source;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StateValue> _weights = new(StringComparer.Ordinal);
    private readonly List<KeyValuePair<string, string>> _folded = [];
    private readonly List<string> _notFolded = [];

    private ParametrizedWeights(StateDictionary source)
    {
        _source = source;
        foreach (string key in source.Keys)
            Look(key);
        foreach ((string key, StateValue value) in source)
        {
            if (!_used.Contains(key))
                State.Add(key, value);
        }
        foreach ((string key, StateValue value) in _weights)
            State.Add(key, value);
    }

    /// <summary>Gets the state: all values of the given one that are no parts of a weight, and the weights behind them.</summary>
    public StateDictionary State { get; } = [];

    /// <summary>Gets the keys of the weights that were computed, each with how it was stored: weight norm or spectral norm.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Folded => _folded;

    /// <summary>Gets what looks like a part of a weight and was left as it is, each in one sentence that begins with the key.</summary>
    public IReadOnlyList<string> NotFolded => _notFolded;

    /// <summary>Computes the weights that a state holds in parts.</summary>
    /// <param name="state">The state; it does not change.</param>
    /// <returns>The state with plain weights, and the report.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="state"/> is null.</exception>
    /// <exception cref="IOException">The file of a value cannot be read.</exception>
    public static ParametrizedWeights Fold(StateDictionary state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return new(state);
    }

    /// <summary>Returns the report: what was computed, and what was left.</summary>
    /// <returns>The report, of several lines; the same text in every culture.</returns>
    public override string ToString()
    {
        var text = new StringBuilder($"{_folded.Count} weights computed, {_notFolded.Count} left in parts.");
        foreach (string line in KeyText.Limited([.. _folded.Select(static pair => $"{KeyText.Shown(pair.Key)}: {pair.Value}")]))
            text.Append("\n  ").Append(line);
        foreach (string line in KeyText.Limited(_notFolded))
            text.Append("\n  ").Append(line);
        return text.ToString();
    }

    /// <summary>Folds the weight whose first part has this key, if it is one.</summary>
    private void Look(string key)
    {
        if (Without(key, "_g") is string ofMagnitude && Has($"{ofMagnitude}_v"))
            TryFold(ofMagnitude, "weight norm", [key, $"{ofMagnitude}_v"], FoldWeightNorm);
        else if (Without(key, "_orig") is string ofOriginal && Has($"{ofOriginal}_u"))
            TryFold(ofOriginal, "spectral norm", [key, $"{ofOriginal}_u", $"{ofOriginal}_v"], FoldSpectralNorm);
        else if (Without(key, ".original0") is string first && Unparametrized(first) is string ofFirst)
            TryFold(ofFirst, "weight norm", [key, $"{first}.original1"], FoldWeightNorm);
        else if (Without(key, ".original") is string only && Unparametrized(only) is string ofOnly)
            TryFold(ofOnly, "spectral norm", [key, $"{only}.0._u", $"{only}.0._v"], FoldSpectralNorm);
    }

    private bool Has(string key) => _source.ContainsKey(key);

    private static string? Without(string key, string end) => key.EndsWith(end, StringComparison.Ordinal) ? key[..^end.Length] : null;

    /// <summary>net.parametrizations.weight becomes net.weight.</summary>
    private static string? Unparametrized(string key)
    {
        int start = key.LastIndexOf(Parametrizations, StringComparison.Ordinal);
        return start < 0 || (start > 0 && key[start - 1] != '.') ? null : key.Remove(start, Parametrizations.Length);
    }

    private void TryFold(string weight, string how, string[] keys, Func<StateValue[], StateValue?> fold)
    {
        string? problem =
            keys.FirstOrDefault(key => !Has(key)) is string missing ? $"{KeyText.Shown(missing)} is missing"
            : Has(weight) || _weights.ContainsKey(weight) ? $"{KeyText.Shown(weight)} is there too"
            : null;
        StateValue[] parts = problem is null ? Array.ConvertAll(keys, key => _source[key]) : [];
        if (Array.Find(parts, static part => part.Format.Kind != ElementKind.Real) is StateValue other)
            problem = $"{other} are no floating-point numbers";
        StateValue? value = problem is null ? fold(parts) : null;
        if (value is null)
        {
            problem ??= $"the shapes {string.Join(", ", parts.Select(static part => part.FormatShape()))} do not belong together";
            _notFolded.Add($"{KeyText.Shown(keys[0])} was left as it is: {problem}.");
            return;
        }
        _folded.Add(new(weight, how));
        _weights.Add(weight, value);
        _used.UnionWith(keys);
    }

    private static StateValue? FoldWeightNorm(StateValue[] parts) =>
        parts[1].Format == ElementFormat.Double ? FoldWeightNorm<double>(parts[0], parts[1]) : FoldWeightNorm<float>(parts[0], parts[1]);

    private static StateValue? FoldWeightNorm<T>(StateValue magnitude, StateValue direction)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int? dimension = null;
        if (magnitude.Length != 1)
        {
            ReadOnlySpan<long> g = magnitude.Shape, v = direction.Shape;
            int kept = g.IndexOf(magnitude.Length);
            if (kept < 0 || kept >= v.Length || v[kept] != g[kept] || (g.Length != v.Length && g.Length != 1))
                return null;
            dimension = kept;
        }
        Tensor<T> tensor = direction.ToTensor<T>();
        WeightNorm.Forward(tensor, magnitude.ToTensor<T>(), tensor, dimension);
        return StateValue.From(tensor);
    }

    private static StateValue? FoldSpectralNorm(StateValue[] parts) =>
        parts[0].Format == ElementFormat.Double ? FoldSpectralNorm<double>(parts) : FoldSpectralNorm<float>(parts);

    private static StateValue? FoldSpectralNorm<T>(StateValue[] parts)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> original = parts[0].ToTensor<T>();
        Tensor<T> left = parts[1].ToTensor<T>(), right = parts[2].ToTensor<T>();
        SpectralNorm<T>? best = null;
        for (int dimension = 0; dimension < original.Rank; dimension++)
        {
            long rows = original.Shape[dimension];
            if (rows == 0 || rows != left.Length || original.Length / rows != right.Length)
                continue;
            var norm = new SpectralNorm<T>(original.Shape, dimension);
            norm.Eval();
            norm.SetVectors(left, right);
            if (best is null || norm.Mismatch(original) < best.Mismatch(original))
                best = norm;
        }
        if (best is null)
            return null;
        best.Forward(original, original);
        return StateValue.From(original);
    }
}
