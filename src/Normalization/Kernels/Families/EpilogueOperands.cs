using Normalization.Kernels.Plans;

namespace Normalization.Kernels.Families;

/// <summary>
/// What follows the norm, y = activation(n · (scale + offset) + shift + skip), and the gradients that go back through it. Null pointers
/// mean: not there.
/// </summary>
internal unsafe struct EpilogueOperands<T> where T : unmanaged
{
    public EpilogueLayout Layout;
    public ActivationKind ActivationKind;

    /// <summary>n, what the norm gives.</summary>
    public T* Input;
    public T* Scale;
    public T* Shift;
    public T* Skip;

    /// <summary>Added to the input of the norm before it, and where their sum is written.</summary>
    public T* Residual;
    public T* Sum;

    /// <summary>Added to each scale: 1 or 0.</summary>
    public double ScaleOffset;

    public T* Output;

    /// <summary>dy, for the backward pass.</summary>
    public T* OutputGradient;

    /// <summary>Receives the gradient of n.</summary>
    public T* InputGradient;

    /// <summary>Receives dy · activation'.</summary>
    public T* SkipGradient;
    public T* ScaleGradient;
    public T* ShiftGradient;
}
