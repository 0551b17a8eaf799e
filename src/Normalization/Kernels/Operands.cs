using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>What a kernel reads and writes. Null pointers mean: not there.</summary>
internal unsafe struct Operands<T> where T : unmanaged
{
    public T* Input;
    public T* Output;
    public T* Weight;
    public T* Bias;
    public T* OutputGradient;
    public T* InputGradient;
    public T* WeightGradient;
    public T* BiasGradient;
    public GroupStatistics* Statistics;
    public double Epsilon;

    /// <summary>Σ dy and Σ dy · (x - mean) of each channel: written where there is no InputGradient, given otherwise.</summary>
    public Sums* ChannelSums;

    /// <summary>How many elements the given sums run over.</summary>
    public double ChannelElements;

    /// <summary>The statistics are given and do not depend on the input.</summary>
    public bool HasFixedStatistics;

    /// <summary>The mean is subtracted; otherwise (RMS) it counts as zero.</summary>
    public bool IsCentered;

    /// <summary>The sums of backward come from elsewhere: they run over more elements than there are here.</summary>
    public readonly bool HasGivenSums => ChannelSums != null && InputGradient != null;

    /// <summary>The weight of a channel; one, if there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly double WeightOf(nint channel) => Weight == null ? 1 : Element.ToDouble(Weight[channel]);

    /// <summary>The bias of a channel; zero, if there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly double BiasOf(nint channel) => Bias == null ? 0 : Element.ToDouble(Bias[channel]);

    /// <summary>How many elements the sums of a group of so many here run over.</summary>
    public readonly double CountOf(nint elements) => HasGivenSums ? ChannelElements : elements;

    /// <summary>The two gradients of the parameters gain one more term.</summary>
    public readonly void AddParameterGradients(nint index, double weightGradient, double biasGradient)
    {
        if (WeightGradient != null)
            WeightGradient[index] = Element.FromDouble<T>(Element.ToDouble(WeightGradient[index]) + weightGradient);
        if (BiasGradient != null)
            BiasGradient[index] = Element.FromDouble<T>(Element.ToDouble(BiasGradient[index]) + biasGradient);
    }
}
