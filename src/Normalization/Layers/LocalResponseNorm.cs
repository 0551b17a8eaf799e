using System.Numerics;

namespace Normalization;

/// <summary>
/// Local response normalization of [N, C, ...]: each element is divided by a power of the squares of the channels around it at the same
/// position, y = x / (k + α / size · Σ x²)^β.
/// </summary>
/// <remarks>
/// <para>
/// The sum goes over the size channels around the element's own; channels that do not exist count as zeros. An odd size has as many on
/// both sides. An even size has one more before the element's own channel, as PyTorch does, or one more behind it, as ONNX does: see
/// <see cref="EvenWindow"/>. TensorFlow does not divide α by the size, and has a depth_radius r: its α · (2 · r + 1) is this α, and the
/// size is 2 · r + 1.
/// </para>
/// <para>
/// Training and evaluation compute the same. There are no parameters and no state. A context keeps no statistics: backward computes
/// the sums again. An empty input gives an empty output. A NaN makes the elements NaN whose windows have it, and no others. An infinity
/// makes itself NaN and the others of these elements 0.
/// </para>
/// <para>
/// The output of float is within 6 · 2⁻²³ of itself for finite inputs. A β of 0.5, 0.75 or 1 and a size of up to 8 are computed in
/// float; others are computed in double, which takes several times as long. Squares of double must be in range: elements from
/// 10⁻¹⁵⁰ to 10¹⁵⁰ keep their digits. Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks,
/// 2012.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new LocalResponseNorm&lt;float&gt;(size: 5, alpha: 1e-4, beta: 0.75, k: 2);  // AlexNet
/// var images = Tensor&lt;float&gt;.RandomNormal([2, 16, 8, 8], seed: 1);
/// Tensor&lt;float&gt; y = norm.Forward(images);
/// Tensor&lt;float&gt; imageGradient = norm.Backward(y);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="size">The channels of one window; at least 1.</param>
/// <param name="alpha">α, which the mean square of a window is multiplied by; at least 0.</param>
/// <param name="beta">β, the power, from 0 to 2.</param>
/// <param name="k">k, which is added; greater than 0. It is the layer's <see cref="NormalizationLayer{T}.Epsilon"/>.</param>
/// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class LocalResponseNorm<T>(int size, double alpha = 1e-4, double beta = 0.75, double k = 1)
    : NormalizationLayer<T>(Checked(size, alpha, beta, k), [], hasWeight: false, hasBias: false)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly EvenWindow _evenWindow = EvenWindow.MoreBefore;

    /// <summary>Gets the number of channels of one window.</summary>
    public int Size { get; } = size;

    /// <summary>Gets α, which the mean square of a window is multiplied by.</summary>
    public double Alpha { get; } = alpha;

    /// <summary>Gets β, the power.</summary>
    public double Beta { get; } = beta;

    /// <summary>Gets k, which is added to the mean square times α.</summary>
    public double K => Epsilon;

    /// <summary>
    /// Gets where a window with an even number of channels has one channel more: before the element's own channel, as in PyTorch, by
    /// default.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the two.</exception>
    public EvenWindow EvenWindow
    {
        get => _evenWindow;
        init
        {
            Guard.Window(Size, Alpha, Beta, K, value);
            _evenWindow = value;
        }
    }

    /// <inheritdoc/>
    protected override string Configuration =>
        $"{Size}, alpha: {Alpha}, beta: {Beta}, k: {K}{(EvenWindow == EvenWindow.MoreAfter ? ", evenWindow: MoreAfter" : "")}";

    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape)
    {
        if (shape.Length < 2)
            throw Guard.InputError($"expected input [N, C, ...], got {Shape.Format(shape)}");
        return NormalizationPlan.Windows(shape[0], shape[1], Shape.Product(shape, 2), Size, Alpha, Beta, K, EvenWindow);
    }

    private static double Checked(int size, double alpha, double beta, double k)
    {
        Guard.Window(size, alpha, beta, k, EvenWindow.MoreBefore);
        return k;
    }
}
