using System.Numerics;

namespace Normalization;

/// <summary>
/// One value that a layer has: what it is now, and what it becomes. A new value is staged first; it is the layer's only once it
/// is committed, which cannot fail.
/// </summary>
internal abstract class StateSlot(string key)
{
    public string Key { get; } = key;

    /// <summary>Whether a state without this key is complete.</summary>
    public virtual bool IsOptional => false;

    /// <summary>The slots of a layer, in PyTorch's order.</summary>
    public static IEnumerable<StateSlot> Of<T>(NormalizationLayer<T> layer, string prefix = "")
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (Parameter<T> parameter in layer.Parameters)
            yield return new TensorSlot<T>(prefix + parameter.Name, parameter.Value);
        if (layer is not RunningStatisticsLayer<T> { RunningMean: { } mean, RunningVariance: { } variance } counted)
            yield break;
        yield return new TensorSlot<T>(prefix + "running_mean", mean);
        yield return new TensorSlot<T>(prefix + "running_var", variance, isVariance: true);
        yield return new CountSlot<T>(prefix + "num_batches_tracked", counted);
    }

    public abstract StateValue Snapshot();

    /// <summary>Keeps a value for the commit, or says what is wrong with it.</summary>
    public abstract string? Stage(StateValue value);

    public abstract void Commit();

    private sealed class TensorSlot<T>(string key, Tensor<T> tensor, bool isVariance = false) : StateSlot(key)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private Tensor<T>? _staged;

        public override StateValue Snapshot() => StateValue.From(tensor.Clone());

        public override string? Stage(StateValue value)
        {
            if (value.Format.Kind != ElementKind.Real)
                return $"expected floating-point numbers (F64, F32, F16 or BF16), got {value.ElementType}";
            if (!HasShape(value))
                return $"expected shape {Shape.Format(tensor.Shape)}, got {value.FormatShape()}";
            _staged = value.ToTensor<T>();
            ReadOnlySpan<T> elements = _staged.Span;
            for (int i = 0; i < elements.Length; i++)
            {
                if (!T.IsFinite(elements[i]))
                    return $"element {i} is {elements[i]}{Where(value)}; expected finite values";
                if (isVariance && elements[i] < T.Zero)
                    return $"element {i} is {elements[i]}; a variance must not be negative";
            }
            return null;
        }

        public override void Commit() => _staged?.CopyTo(tensor);

        private static string Where(StateValue value) => value.Format.Bits > ElementFormat.Of<T>().Bits ? $" as {ElementFormat.Of<T>().Name}" : "";

        private bool HasShape(StateValue value)
        {
            if (value.Shape.Length != tensor.Rank)
                return false;
            for (int i = 0; i < tensor.Rank; i++)
            {
                if (value.Shape[i] != tensor.Shape[i])
                    return false;
            }
            return true;
        }
    }

    private sealed class CountSlot<T>(string key, RunningStatisticsLayer<T> layer) : StateSlot(key)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private long? _staged;

        // PyTorch before 0.4.1 did not count, and neither do other frameworks.
        public override bool IsOptional => true;

        public override StateValue Snapshot() => layer.BatchesTracked;

        public override string? Stage(StateValue value)
        {
            if (value.Format.Kind != ElementKind.Whole)
                return $"expected a whole number (I64), got {value.ElementType}";
            if (value.Shape.Length > 0)
                return $"expected shape [], got {value.FormatShape()}";
            _staged = value.ToInt64();
            return _staged < 0 ? $"is {_staged}; a count must not be negative" : null;
        }

        public override void Commit() => layer.BatchesTracked = _staged ?? layer.BatchesTracked;
    }
}
