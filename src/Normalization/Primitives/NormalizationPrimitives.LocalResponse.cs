using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Plans;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>
    /// LocalResponseNorm: y = x / (k + alpha / size · Σ x²)^beta, where the sum goes over the size channels around the element's own at
    /// the same position. Channels that do not exist count as zeros.
    /// </summary>
    /// <remarks>Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012.</remarks>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The positions of one sample; 1 for [n, c], and for channels that lie last, with n · positions samples.</param>
    /// <param name="size">The channels of one window; at least 1.</param>
    /// <param name="alpha">What the mean square of a window is multiplied by; at least 0.</param>
    /// <param name="beta">The power, from 0 to 2.</param>
    /// <param name="k">What is added; greater than 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="evenWindow">Where a window with an even number of channels has one channel more.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <example>
    /// <code>
    /// float[] x = [1, 2, 3, 4], y = new float[4];
    /// NormalizationPrimitives.LocalResponseNormForward&lt;float&gt;(x, n: 1, c: 4, s: 1, size: 3, alpha: 3, beta: 0.5, k: 4, y);
    /// // y[0] is 1 / √(4 + 1² + 2²)
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LocalResponseNormForward<T>(
        ReadOnlySpan<T> x,
        int n,
        int c,
        int s,
        int size,
        double alpha,
        double beta,
        double k,
        Span<T> y,
        EvenWindow evenWindow = EvenWindow.MoreBefore)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = NormalizationPlan.Windows(n, c, s, size, alpha, beta, k, evenWindow).Plan;
        GuardForward<T, double>(plan, x, default, default, k, y, default, default, "n · c · s");
        Launch.Forward(plan, x, default, default, k, default, hasFixedStatistics: false, y);
    }

    /// <summary>
    /// The gradient of <c>LocalResponseNormForward</c>: dx = dy / s^beta - 2 · alpha · beta / size · x · Σ dy · x / s^(beta + 1), with s =
    /// k + alpha / size · Σ x² and the first sum over the elements whose windows hold this one. Nothing needs to be saved.
    /// </summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The positions of one sample; 1 for [n, c].</param>
    /// <param name="size">The channels of one window; at least 1.</param>
    /// <param name="alpha">What the mean square of a window is multiplied by; at least 0.</param>
    /// <param name="beta">The power, from 0 to 2.</param>
    /// <param name="k">What is added; greater than 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="evenWindow">Where a window with an even number of channels has one channel more.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LocalResponseNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        int size,
        double alpha,
        double beta,
        double k,
        Span<T> dx,
        EvenWindow evenWindow = EvenWindow.MoreBefore)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = NormalizationPlan.Windows(n, c, s, size, alpha, beta, k, evenWindow).Plan;
        GuardBackward(plan, x, dy, default, dx, default, default, "n · c · s");
        Launch.Backward(plan, x, dy, default, default, hasFixedStatistics: false, dx, default, default);
    }
}
