namespace Normalization.Kernels.Families;

/// <summary>
/// What a pass along directions of x, γ and β reads and writes. Null pointers mean: not there. The directions are tangents, or the
/// gradients of the three results of a backward pass: the gradient of dy is the derivative of y along these.
/// </summary>
internal unsafe struct SecondOrderOperands<T> where T : unmanaged
{
    public T* Input;
    public T* OutputGradient;
    public T* Weight;
    public T* InputDirection;
    public T* WeightDirection;
    public T* BiasDirection;
    public GroupStatistics* Statistics;

    /// <summary>Receives γ · r · P(v) + u · x̂ + b, with v, u and b the directions of x, γ and β.</summary>
    public T* OutputDerivative;

    /// <summary>Receives the gradient of x.</summary>
    public T* InputGradient;

    /// <summary>Receives Σ dy · r · P(v) of each coefficient of the layout.</summary>
    public double* WeightGradient;

    /// <summary>The statistics are given and do not depend on the input.</summary>
    public bool HasFixedStatistics;

    /// <summary>The mean is subtracted; otherwise (RMS) it counts as zero.</summary>
    public bool IsCentered;
}
