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
    private readonly double _weightOffset;
    private readonly ChannelAxis _channelAxis = ChannelAxis.Last;

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

    /// <summary>Gets what is added to γ before it is used: y = x̂ · (γ + offset); 0 by default.</summary>
    /// <remarks>
    /// Models such as Gemma store γ - 1, which weight decay then pulls to 0: they need 1. γ begins at 1 - offset, so that y = x̂. The
    /// sum is rounded to <typeparamref name="T"/>. The value is set where the layer is made and is not a part of the state.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The value is not finite.</exception>
    /// <exception cref="InvalidOperationException">The layer has no γ.</exception>
    public double WeightOffset
    {
        get => _weightOffset;
        init
        {
            _weightOffset = Weight is null
                ? throw new InvalidOperationException("WeightOffset is added to the weight, and the layer has none.")
                : Guard.Finite(value, nameof(WeightOffset));
            ResetParameters();
        }
    }

    private static double MachineEpsilon => double.CreateTruncating(T.BitIncrement(T.One) - T.One);

    /// <summary>
    /// Gets where the normalized dimension stands in the shape of the input: at the end, which is the default, or behind the samples.
    /// </summary>
    /// <remarks>
    /// With <see cref="ChannelAxis.First"/> the input is [N, C, ...]: the mean square is taken over the C channels at each position, and
    /// each channel has its own coefficients, as in the LayerNorm2d of timm and the LayerNorm of ConvNeXt. A scale and a shift are [N, C].
    /// The pass transposes its input in pooled memory and takes longer than one over the last dimension.
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new RmsNorm&lt;float>(64) { ChannelAxis = ChannelAxis.First };
    /// Tensor&lt;float> y = norm.Forward(Tensor&lt;float>.RandomNormal([2, 64, 8, 8], seed: 1));  // each of the 128 pixels by itself
    /// </code>
    /// </example>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    /// <exception cref="InvalidOperationException">The layer normalizes several dimensions, and the axis is the first.</exception>
    public ChannelAxis ChannelAxis
    {
        get => _channelAxis;
        init => _channelAxis = _dimensions.CheckedAxis(value);
    }

    /// <summary>Normalizes rows in evaluation mode, without copying or allocating.</summary>
    /// <param name="input">The rows, one after another, each with the elements of <see cref="NormalizedShape"/>.</param>
    /// <param name="output">Receives the output; it may be exactly the input.</param>
    /// <exception cref="ArgumentException">The input does not consist of whole rows, the output has another length, or memory overlaps.
    /// </exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode, in which it would have to remember the span, or the
    /// channels stand first, so that there are no rows.</exception>
    public void Forward(ReadOnlySpan<T> input, Span<T> output) => ForwardRows(
        input, output, ChannelAxis == ChannelAxis.Last ? _dimensions.Width : throw NormalizedDimensions.NoRows(), subtractMean: false);

    /// <inheritdoc/>
    private protected override double AddedToWeight => WeightOffset;

    /// <inheritdoc/>
    protected override string Configuration =>
        $"{Shape.Format(NormalizedShape)}, epsilon: {Epsilon}, elementwiseAffine: {Weight is not null}"
        + NormalizedDimensions.OptionsText(WeightOffset, ChannelAxis);

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        _dimensions.Plan(shape, ChannelAxis, subtractMean: false);
}
