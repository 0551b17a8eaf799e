namespace Normalization;

/// <summary>A whole number in the state of a layer, such as the number of batches that it has seen.</summary>
public sealed class StateCounter
{
    private long _value;

    internal StateCounter(string name) => Name = name;

    /// <summary>Gets the key in the state of the layer.</summary>
    public string Name { get; }

    /// <summary>Gets or sets the number, initially 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long Value
    {
        get => _value;
        set
        {
            Guard.NotNegative(value, Name);
            _value = value;
        }
    }

    /// <summary>Adds one, except at <see cref="long.MaxValue"/>.</summary>
    public void Increment() => _value += _value < long.MaxValue ? 1 : 0;
}
