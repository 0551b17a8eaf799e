using System.Numerics;

namespace Normalization;

/// <summary>The state of a layer: read, and loaded.</summary>
/// <example>
/// <code>
/// BatchNorm1d&lt;float> trained = new(4), copy = new(4);
/// trained.Forward(Tensor&lt;float>.RandomNormal([8, 4], seed: 1));
/// copy.LoadState(trained.GetState());
///
/// // Without strict, keys may be missing or unexpected. The report says which.
/// StateReport report = new LayerNorm&lt;float>(4).LoadState(trained.GetState(), strict: false);
/// Console.WriteLine(report);
/// </code>
/// </example>
public static class StateExtensions
{
    /// <summary>
    /// Gives the state of a layer by PyTorch's keys: weight, bias, running_mean, running_var, and num_batches_tracked as a single
    /// whole number. Values that the layer does not have are not in the state.
    /// </summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="layer">The layer.</param>
    /// <returns>A copy: what the layer does later does not change it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="layer"/> is null.</exception>
    public static StateDictionary GetState<T>(this NormalizationLayer<T> layer)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(layer);
        return StateLoading.Snapshot(StateSlot.Of(layer));
    }

    /// <summary>
    /// Loads a state into a layer. Keys, types, shapes and values are checked before anything is changed: values must be finite,
    /// variances and the count of batches not negative. Either all values are loaded or none.
    /// </summary>
    /// <remarks>
    /// Values are converted to the element type of the layer. The key num_batches_tracked may always be missing, as it is in old
    /// checkpoints of PyTorch and in those of other frameworks; the count then does not change. Gradients do not change. No other
    /// thread may use the layer during the call.
    /// </remarks>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="layer">The layer.</param>
    /// <param name="state">The state, by PyTorch's keys; of a whole model, <see cref="StateDictionary.GetSubset"/> gives that of one
    /// layer.</param>
    /// <param name="strict">
    /// Whether any mismatch is an error. If not, missing and unexpected keys are tolerated; a wrong type, shape or value still means
    /// that nothing is loaded, and the report says so.
    /// </param>
    /// <returns>What was missing, unexpected or wrong.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">With <paramref name="strict"/>, the state does not fit; the message names every
    /// mismatch.</exception>
    /// <exception cref="IOException">The state lies in a file that cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The state lies in a file that has been disposed.</exception>
    public static StateReport LoadState<T>(this NormalizationLayer<T> layer, StateDictionary state, bool strict = true)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(state);
        return StateLoading.Load(StateSlot.Of(layer), state, static _ => true, strict);
    }

    /// <summary>Copies the state of a spectral norm: u and v by PyTorch's keys.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="norm">The norm.</param>
    /// <returns>weight_u and weight_v.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="norm"/> is null.</exception>
    public static StateDictionary GetState<T>(this SpectralNorm<T> norm)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(norm);
        return new()
        {
            { "weight_u", StateValue.From(norm.LeftVector.Clone()) },
            { "weight_v", StateValue.From(norm.RightVector.Clone()) },
        };
    }

    /// <summary>Loads the vectors of a spectral norm, by either of PyTorch's names. Other keys are ignored.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="norm">The norm.</param>
    /// <param name="state">The state of the module whose weight it is: weight_u and weight_v, or parametrizations.weight.0._u and
    /// _v.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A vector is missing, has another shape or is not finite; nothing has changed.</exception>
    /// <exception cref="NotSupportedException">The elements of a vector are no floating-point numbers.</exception>
    /// <exception cref="IOException">The file of a value cannot be read.</exception>
    public static void LoadState<T>(this SpectralNorm<T> norm, StateDictionary state)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(norm);
        ArgumentNullException.ThrowIfNull(state);
        Tensor<T> left = Vector(state, "u", norm.LeftVector), right = Vector(state, "v", norm.RightVector);
        norm.SetVectors(left, right);
    }

    private static Tensor<T> Vector<T>(StateDictionary state, string name, Tensor<T> expected)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        string key = $"weight_{name}", newer = $"parametrizations.weight.0._{name}";
        if (!state.TryGetValue(key, out StateValue? value) && !state.TryGetValue(newer, out value))
            throw new ArgumentException($"The state has neither {key} nor {newer}.", nameof(state));
        if (value.Length != expected.Length || value.Shape.Length != 1)
            throw new ArgumentException($"expected {key} {Shape.Format(expected.Shape)}, got {value}", nameof(state));
        Tensor<T> read = value.ToTensor<T>();
        foreach (T element in read.Span)
        {
            if (!T.IsFinite(element))
                throw new ArgumentException($"{key} must be finite, got {element}.", nameof(state));
        }
        return read;
    }
}
