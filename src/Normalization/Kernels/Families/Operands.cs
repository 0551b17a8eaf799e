using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>What a forward pass reads and writes. Null pointers mean: not there.</summary>
internal unsafe struct ForwardOperands<T> where T : unmanaged
{
    public T* Input;
    public T* Output;
    public T* Weight;
    public T* Bias;
    public GroupStatistics* Statistics;
    public double Epsilon;

    /// <summary>A scale and a shift of some rows, behind the weights, which then need not be there.</summary>
    public Modulation<T>* Modulation;

    /// <summary>s, where the rows are the channels at each position of [n, c, s].</summary>
    public nint Positions;

    /// <summary>The statistics are given and do not depend on the input.</summary>
    public bool HasFixedStatistics;

    /// <summary>The mean is subtracted; otherwise (RMS) it counts as zero.</summary>
    public bool IsCentered;

    /// <summary>The statistics are merged with others, so that sums in float are not enough.</summary>
    public bool IsExact;

    /// <summary>The same for elements and groups that lie behind others.</summary>
    public readonly ForwardOperands<T> At(nint elements, nint groups)
    {
        ForwardOperands<T> moved = this;
        moved.Input += elements;
        moved.Output = Output == null ? null : Output + elements;
        moved.Statistics += groups;
        return moved;
    }

    /// <summary>The weights of neighboring channels; ones, if there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TLanes WeightOf<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes> =>
        Weight == null ? 1 : TLanes.LoadElements(Weight + channel);

    /// <summary>The biases of neighboring channels; zeros, if there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TLanes BiasOf<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes> =>
        Bias == null ? 0 : TLanes.LoadElements(Bias + channel);
}

/// <summary>What a backward pass reads and writes. Null pointers mean: not there.</summary>
internal unsafe struct BackwardOperands<T> where T : unmanaged
{
    public T* Input;
    public T* OutputGradient;
    public T* InputGradient;
    public T* Weight;
    public T* WeightGradient;
    public T* BiasGradient;

    /// <summary>What dy goes back through before the norm: it needs the biases and the skip of the forward pass.</summary>
    public ActivationKind ActivationKind;
    public T* Bias;
    public T* Skip;

    /// <summary>
    /// Where dy goes back through ReLU by x alone: it passes where x · sign is not below the least input, of each unit or channel.
    /// </summary>
    public double* InputSigns;
    public double* LeastInputs;

    /// <summary>
    /// Where weights are repeated for each element, the gradient of each repetition is added here instead of to the parameters' gradients.
    /// </summary>
    public double* ExpandedWeightGradient;
    public double* ExpandedBiasGradient;
    public GroupStatistics* Statistics;

    /// <summary>Receives Σ dy and Σ dy · x̂ of each channel.</summary>
    public Sums* ChannelSums;

    /// <summary>Receives the same of each channel of a sample, where the samples are added up later.</summary>
    public Sums* SampleSums;

    /// <summary>
    /// The same sums, where they are given. They are taken over <see cref="GivenCount"/> elements, more than this process has.
    /// </summary>
    public Sums* GivenSums;

    public double GivenCount;

    /// <summary>s, where the rows are the channels at each position of [n, c, s].</summary>
    public nint Positions;

    /// <summary>The statistics are given and do not depend on the input.</summary>
    public bool HasFixedStatistics;

    /// <summary>The mean is subtracted; otherwise (RMS) it counts as zero.</summary>
    public bool IsCentered;

    /// <summary>The weights of neighboring channels; ones, if there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly TLanes WeightOf<TLanes>(nint channel) where TLanes : unmanaged, ILanes<TLanes> =>
        Weight == null ? 1 : TLanes.LoadElements(Weight + channel);

    /// <summary>The same for one of the samples of a layout.</summary>
    public readonly BackwardOperands<T> OfSample(in ColumnLayout layout, nint sample)
    {
        BackwardOperands<T> moved = this;
        nint offset = sample * layout.Rows * layout.Columns;
        moved.Input += offset;
        moved.OutputGradient += offset;
        moved.InputGradient = InputGradient == null ? null : InputGradient + offset;
        moved.Statistics += sample * layout.Groups;
        moved.SampleSums += sample * layout.Channels;
        return moved;
    }

    /// <summary>How many elements the sums of a group are taken over, from the number of its elements here.</summary>
    public readonly double CountOf(nint elements) => GivenSums != null ? GivenCount : elements;

    /// <summary>The two gradients of the parameters gain one more term.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void AddParameterGradients<TLanes>(nint channel, TLanes weightGradient, TLanes biasGradient)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (WeightGradient != null)
            TLanes.StoreElements(WeightGradient + channel, TLanes.LoadElements(WeightGradient + channel) + weightGradient);
        if (BiasGradient != null)
            TLanes.StoreElements(BiasGradient + channel, TLanes.LoadElements(BiasGradient + channel) + biasGradient);
    }
}
