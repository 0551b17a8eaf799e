namespace Normalization;

/// <summary>What a layer does with each value behind the norm, before it writes the value.</summary>
/// <remarks>
/// <para>
/// The value z is rounded to the element type first, so a layer with an activation has the same bits as the layer without it, followed by
/// the activation. eˣ, tanh and erf are the library's own, with an error of at most 2 units in the last place and the same bits on every
/// machine. The backward pass computes z again; nothing is saved for it.
/// </para>
/// <para>
/// NaN gives NaN. At infinities the values and slopes are those of PyTorch: SiLU and GELU of -∞ are NaN, ReLU of -∞ is 0.
/// </para>
/// </remarks>
public enum Activation
{
    /// <summary>z.</summary>
    None,

    /// <summary>max(0, z); its slope at 0 is 0. Nair, Hinton: Rectified Linear Units Improve Restricted Boltzmann Machines, 2010.</summary>
    Relu,

    /// <summary>
    /// z / (1 + e⁻ᶻ), also called swish. Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units, 2017, arXiv:1702.03118.
    /// </summary>
    Silu,

    /// <summary>
    /// z · (1 + erf(z / √2)) / 2, the exact form. Hendrycks, Gimpel: Gaussian Error Linear Units, 2016, arXiv:1606.08415.
    /// </summary>
    Gelu,

    /// <summary>z · (1 + tanh(√(2/π) · (z + 0.044715 · z³))) / 2, the approximation of <see cref="Gelu"/> that GPT-2 uses.</summary>
    GeluTanh,
}
