namespace Normalization;

/// <summary>
/// Says what a momentum of running statistics weighs, the new value or the old one, and converts a momentum between the two.
/// </summary>
public sealed class MomentumConvention
{
    private readonly string _name;

    private MomentumConvention(string name) => _name = name;

    /// <summary>
    /// Gets the convention that weighs the new value: running = (1 - momentum) · running + momentum · batch. This library and PyTorch use
    /// it; a typical momentum is 0.1.
    /// </summary>
    public static MomentumConvention OnNewValue { get; } = new(nameof(OnNewValue));

    /// <summary>
    /// Gets the convention that weighs the old value: running = momentum · running + (1 - momentum) · batch. Keras, TensorFlow, Flax and
    /// ONNX use it; a typical momentum is 0.99.
    /// </summary>
    public static MomentumConvention OnOldValue { get; } = new(nameof(OnOldValue));

    /// <summary>Reads a momentum of this convention in another one.</summary>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm1d&lt;float>(64, momentum: MomentumConvention.OnOldValue.Convert(0.99));  // 0.01 here
    /// </code>
    /// </example>
    /// <param name="momentum">The momentum, in [0, 1].</param>
    /// <param name="to">The convention that is wanted; null is that of this library, <see cref="OnNewValue"/>.</param>
    /// <returns>1 - momentum between different conventions, for example 0.01 for 0.99 of Keras; else the momentum.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The momentum lies outside [0, 1].</exception>
    public double Convert(double momentum, MomentumConvention? to = null)
    {
        Guard.Momentum(momentum);
        return this == (to ?? OnNewValue) ? momentum : 1 - momentum;
    }

    /// <summary>Gives the name of the convention.</summary>
    /// <returns>OnNewValue or OnOldValue.</returns>
    public override string ToString() => _name;
}
