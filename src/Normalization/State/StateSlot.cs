using System.Numerics;

namespace Normalization;

/// <summary>
/// One value of a layer: the present one and the new one. A new value is staged first. Committing, which cannot fail, then writes it to
/// the layer.
/// </summary>
internal abstract class StateSlot(string key, bool isOptional, Action loaded)
{
    public string Key { get; } = key;

    /// <summary>Whether a state without this key is complete.</summary>
    public bool IsOptional { get; } = isOptional;

    /// <summary>Tells the layer, once all slots are committed.</summary>
    public Action Loaded { get; } = loaded;

    /// <summary>The slots of a layer, in PyTorch's order.</summary>
    public static IEnumerable<StateSlot> Of<T>(NormalizationLayer<T> layer, string prefix = "")
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Action loaded = layer.NotifyStateLoaded;
        var slots = new List<StateSlot>();
        foreach (Parameter<T> parameter in layer.Parameters)
            slots.Add(new TensorSlot<T>(prefix + parameter.Name, parameter.Value, isNonNegative: false, isOptional: false, loaded));
        foreach (StateBuffer<T> buffer in layer.Buffers)
            slots.Add(Of(buffer, prefix, loaded));
        return slots;
    }

    /// <summary>The slot of a tensor or of a counter.</summary>
    public static StateSlot Of<T>(in StateBuffer<T> buffer, string prefix, Action loaded)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => buffer.Counter is StateCounter counter
            ? new CountSlot(prefix + buffer.Name, counter, buffer.IsOptional, loaded)
            : new TensorSlot<T>(prefix + buffer.Name, buffer.Tensor!, buffer.IsNonNegative, buffer.IsOptional, loaded);

    public abstract StateValue Snapshot();

    /// <summary>Keeps a value for the commit, or says what is wrong with it.</summary>
    public abstract string? Stage(StateValue value);

    public abstract void Commit();

    private sealed class TensorSlot<T>(string key, Tensor<T> tensor, bool isNonNegative, bool isOptional, Action loaded)
        : StateSlot(key, isOptional, loaded)
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
                if (isNonNegative && elements[i] < T.Zero)
                    return $"element {i} is {elements[i]}; it must not be negative";
            }
            return null;
        }

        public override void Commit() => _staged?.CopyTo(tensor);

        private static string Where(StateValue value) =>
            value.Format.Bits > ElementFormat.Of<T>().Bits ? $" as {ElementFormat.Of<T>().Name}" : "";

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

    private sealed class CountSlot(string key, StateCounter counter, bool isOptional, Action loaded) : StateSlot(key, isOptional, loaded)
    {
        private long? _staged;

        public override StateValue Snapshot() => counter.Value;

        public override string? Stage(StateValue value)
        {
            if (value.Format.Kind != ElementKind.Whole)
                return $"expected a whole number (I64), got {value.ElementType}";
            if (value.Shape.Length > 0)
                return $"expected shape [], got {value.FormatShape()}";
            _staged = value.ToInt64();
            return _staged < 0 ? $"is {_staged}; a count must not be negative" : null;
        }

        public override void Commit() => counter.Value = _staged ?? counter.Value;
    }
}
