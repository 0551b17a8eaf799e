namespace Normalization;

/// <summary>What a momentum of running statistics weighs.</summary>
public enum MomentumConvention
{
    /// <summary>The new value: running = (1 - momentum) · running + momentum · batch. This library and PyTorch; typically 0.1.</summary>
    OnNewValue,

    /// <summary>The old value: running = momentum · running + (1 - momentum) · batch. Keras, TensorFlow, Flax and ONNX; typically 0.99.</summary>
    OnOldValue,
}

/// <summary>Reads the momentum of one convention in another.</summary>
public static class MomentumConversion
{
    /// <summary>Converts a momentum: the share that is left when the other value has had its own, or the same within a convention.</summary>
    /// <param name="momentum">The momentum, in [0, 1].</param>
    /// <param name="from">The convention that it is written in.</param>
    /// <param name="to">The convention that is wanted; by default that of this library.</param>
    /// <returns>1 - momentum between different conventions, for example 0.01 for 0.99 of Keras; else the momentum.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The momentum lies outside [0, 1], or a convention does not exist.</exception>
    public static double Convert(double momentum, MomentumConvention from, MomentumConvention to = MomentumConvention.OnNewValue)
    {
        Guard.Momentum(momentum);
        GuardConvention(from, nameof(from));
        GuardConvention(to, nameof(to));
        return from == to ? momentum : 1 - momentum;
    }

    private static void GuardConvention(MomentumConvention convention, string name)
    {
        if (!Enum.IsDefined(convention))
            throw new ArgumentOutOfRangeException(name, $"There is no convention {convention}.");
    }
}
