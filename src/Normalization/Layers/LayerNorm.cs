using System.Numerics;

namespace Normalization;

/// <summary>
/// Layer normalization over the last dimensions: y = (x - μ) / √(σ² + ε) · γ + β with the statistics of each sample over the
/// normalized shape, and one γ and β for each element of it. σ² is the biased variance.
/// </summary>
/// <remarks>
/// Training and evaluation compute the same; there are no running statistics. An empty input gives an empty output. Ba, Kiros,
/// Hinton: Layer Normalization, 2016, arXiv:1607.06450.
/// </remarks>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;float>(64);
/// var tokens = Tensor&lt;float>.RandomNormal([2, 10, 64], seed: 1, mean: 5);
/// Tensor&lt;float> y = norm.Forward(tokens);  // each of the 20 tokens has mean 0 and variance 1
/// Tensor&lt;float> tokenGradient = norm.Backward(y);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="normalizedShape">The sizes of the last dimensions, over which the statistics are taken; at least one, all positive.</param>
/// <param name="epsilon">ε, added to the variance; at least 0.</param>
/// <param name="elementwiseAffine">Whether there is γ, and β unless <paramref name="bias"/> is false.</param>
/// <param name="bias">Whether there is β; without γ there is none.</param>
/// <exception cref="ArgumentException"><paramref name="normalizedShape"/> is empty or too large.</exception>
/// <exception cref="ArgumentOutOfRangeException">A size is not positive, or ε is negative or not finite.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class LayerNorm<T>(ReadOnlySpan<int> normalizedShape, double epsilon = 1e-5, bool elementwiseAffine = true, bool bias = true)
    : NormalizationLayer<T>(epsilon, normalizedShape, elementwiseAffine, elementwiseAffine && bias)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly NormalizedDimensions _dimensions = new(normalizedShape);
    private readonly double _weightOffset;
    private readonly ChannelAxis _channelAxis = ChannelAxis.Last;

    /// <summary>Creates a layer over the last dimension.</summary>
    /// <param name="normalizedShape">The size of the last dimension; positive.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="elementwiseAffine">Whether there is γ, and β unless <paramref name="bias"/> is false.</param>
    /// <param name="bias">Whether there is β; without γ there is none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not positive, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public LayerNorm(int normalizedShape, double epsilon = 1e-5, bool elementwiseAffine = true, bool bias = true)
        : this([normalizedShape], epsilon, elementwiseAffine, bias)
    {
    }

    /// <summary>Gets the sizes of the last dimensions, over which the statistics are taken.</summary>
    public ReadOnlySpan<int> NormalizedShape => _dimensions.Sizes;

    /// <summary>Gets what is added to γ before it is used: y = x̂ · (γ + offset) + β; 0 by default.</summary>
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

    /// <summary>
    /// Gets where the normalized dimension stands in the shape of the input: at the end, which is the default, or behind the samples.
    /// </summary>
    /// <remarks>
    /// With <see cref="ChannelAxis.First"/> the input is [N, C, ...]: the statistics are taken over the C channels at each position, and
    /// each channel has its own coefficients, as in the LayerNorm2d of timm and the LayerNorm of ConvNeXt. A scale and a shift are [N, C].
    /// The pass transposes its input in pooled memory and takes longer than one over the last dimension.
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new LayerNorm&lt;float>(64) { ChannelAxis = ChannelAxis.First };
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
        input, output, ChannelAxis == ChannelAxis.Last ? _dimensions.Width : throw NormalizedDimensions.NoRows(), subtractMean: true);

    /// <inheritdoc/>
    private protected override double AddedToWeight => WeightOffset;

    /// <inheritdoc/>
    protected override string Configuration =>
        $"{Shape.Format(NormalizedShape)}, epsilon: {Epsilon}, elementwiseAffine: {Weight is not null}, "
        + $"bias: {Bias is not null}" + NormalizedDimensions.OptionsText(WeightOffset, ChannelAxis);

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        _dimensions.Plan(shape, ChannelAxis, subtractMean: true);
}

/// <summary>The last dimensions of an input, which one row of statistics covers.</summary>
internal readonly struct NormalizedDimensions(ReadOnlySpan<int> normalizedShape)
{
    private readonly int[] _sizes = Checked(normalizedShape);

    public ReadOnlySpan<int> Sizes => _sizes;

    public int Width { get; } = Shape.Length(normalizedShape);

    /// <summary>Rows of the last dimensions, or the channels at each position.</summary>
    public NormalizationPlan Plan(ReadOnlySpan<int> shape, ChannelAxis axis, bool subtractMean) => axis == ChannelAxis.First
        ? new InputShape(shape, Width, axis).PositionsOf(subtractMean)
        : NormalizationPlan.Rows(Rows(shape), Width, subtractMean);

    /// <summary>The axis, if the dimensions allow it.</summary>
    public ChannelAxis CheckedAxis(ChannelAxis axis) => Guard.Axis(axis, "ChannelAxis") == ChannelAxis.Last || _sizes.Length == 1
        ? axis
        : throw new InvalidOperationException(
            $"ChannelAxis.First normalizes one dimension, the channels, got {Shape.Format(_sizes)}.");

    /// <summary>The options that are not the default ones, as the configuration shows them.</summary>
    public static string OptionsText(double weightOffset, ChannelAxis axis) =>
        (weightOffset == 0 ? "" : $", weightOffset: {weightOffset}") + (axis == ChannelAxis.Last ? "" : $", channelAxis: {axis}");

    public static InvalidOperationException NoRows() =>
        new("With ChannelAxis.First a span has no rows to normalize. Pass a tensor or a tensor span, whose shape says where the channels "
            + "are.");

    private int Rows(ReadOnlySpan<int> shape)
    {
        if (shape.Length < _sizes.Length || !shape[^_sizes.Length..].SequenceEqual(_sizes))
            throw NotRows(shape);
        return Shape.Product(shape[..^_sizes.Length], 0);
    }

    private ArgumentException NotRows(ReadOnlySpan<int> shape) =>
        Guard.InputError($"expected input [..., {Shape.List(_sizes)}], got {Shape.Format(shape)}");

    private static int[] Checked(ReadOnlySpan<int> normalizedShape)
    {
        if (normalizedShape.IsEmpty)
            throw new ArgumentException("normalizedShape must have at least one dimension.", nameof(normalizedShape));
        foreach (int size in normalizedShape)
            Guard.Positive(size, nameof(normalizedShape));
        return normalizedShape.ToArray();
    }
}
