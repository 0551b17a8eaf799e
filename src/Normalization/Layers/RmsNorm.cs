using System.Numerics;

namespace Normalization;

/// <summary>
/// Root mean square normalization over the last dimensions: y = x / √(m(x²) + ε) · γ with the mean m of each sample over the
/// normalized shape, and one γ for each element of it. No mean is subtracted and there is no β.
/// </summary>
/// <remarks>
/// Training and evaluation compute the same; there are no running statistics. An empty input gives an empty output. A NaN makes
/// its row NaN; an infinity makes the finite elements of its row 0 and itself NaN. Zhang, Sennrich: Root Mean Square Layer
/// Normalization, 2019, arXiv:1910.07467.
/// </remarks>
/// <example>
/// <code>
/// var norm = new RmsNorm&lt;float>(2, epsilon: 1e-6);
/// Tensor&lt;float> y = norm.Forward(new([3, 4], 1, 2));  // 3 and 4, divided by √((9 + 16) / 2)
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="normalizedShape">The sizes of the last dimensions, over which the mean square is taken; at least one, all positive.</param>
/// <param name="epsilon">ε, added to the mean square; at least 0. Null is the machine epsilon of <typeparamref name="T"/>: 2⁻²³ or
/// 2⁻⁵².</param>
/// <param name="elementwiseAffine">Whether there is γ.</param>
/// <exception cref="ArgumentException"><paramref name="normalizedShape"/> is empty or too large.</exception>
/// <exception cref="ArgumentOutOfRangeException">A size is not positive, or ε is negative or not finite.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class RmsNorm<T>(ReadOnlySpan<int> normalizedShape, double? epsilon = null, bool elementwiseAffine = true)
    : NormalizationLayer<T>(epsilon ?? MachineEpsilon, normalizedShape, elementwiseAffine, hasBias: false)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly NormalizedDimensions _dimensions = new(normalizedShape);

    /// <summary>Creates a layer over the last dimension.</summary>
    /// <param name="normalizedShape">The size of the last dimension; positive.</param>
    /// <param name="epsilon">ε, added to the mean square; at least 0. Null is the machine epsilon of <typeparamref name="T"/>.</param>
    /// <param name="elementwiseAffine">Whether there is γ.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not positive, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public RmsNorm(int normalizedShape, double? epsilon = null, bool elementwiseAffine = true)
        : this([normalizedShape], epsilon, elementwiseAffine)
    {
    }

    /// <summary>Gets the sizes of the last dimensions, over which the mean square is taken.</summary>
    public ReadOnlySpan<int> NormalizedShape => _dimensions.Sizes;

    private static double MachineEpsilon => double.CreateTruncating(T.BitIncrement(T.One) - T.One);

    /// <inheritdoc/>
    protected override string Configuration =>
        $"{Shape.Format(NormalizedShape)}, epsilon: {Epsilon}, elementwiseAffine: {Weight is not null}";

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        NormalizationPlan.Rows(_dimensions.Rows(shape), _dimensions.Width, subtractMean: false);
}
