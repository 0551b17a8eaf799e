using System.Numerics;
using Normalization.Kernels.Plans;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>LayerNorm: y = (x - μ) · r · γ + β with the statistics of each row, r = 1 / √(σ² + ε), σ² the biased variance.</summary>
    /// <remarks>Ba, Kiros, Hinton: Layer Normalization, 2016, arXiv:1607.06450.</remarks>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="bias">β, one for each column; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="mean">Receives the mean of each row; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each row; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LayerNormForward<T>(
        ReadOnlySpan<T> x,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<double> mean,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = RowPlan(rows, width, isCentered: true);
        GuardForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "rows · width");
        ComputeForward(plan, x, weight, bias, epsilon, y, mean, inverseStandardDeviation);
    }

    /// <summary>The gradients of <see cref="LayerNormForward"/>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a row.</summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="mean">The mean of each row, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each row, from the forward pass.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each column; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LayerNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward(
            RowPlan(rows, width, isCentered: true),
            x,
            dy,
            mean,
            inverseStandardDeviation,
            weight,
            dx,
            weightGradient,
            biasGradient,
            hasFixedStatistics: false,
            "rows · width");

    /// <summary>RmsNorm: y = x · r · γ with r = 1 / √(m(x²) + ε) and m the mean over a row.</summary>
    /// <remarks>Zhang, Sennrich: Root Mean Square Layer Normalization, 2019, arXiv:1910.07467.</remarks>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="epsilon">ε, added to the mean square; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(m(x²) + ε) of each row; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void RmsNormForward<T>(
        ReadOnlySpan<T> x,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> y,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Plan plan = RowPlan(rows, width, isCentered: false);
        GuardForward(plan, x, weight, default, epsilon, y, default, inverseStandardDeviation, "rows · width");
        ComputeForward(plan, x, weight, default, epsilon, y, default, inverseStandardDeviation);
    }

    /// <summary>The gradients of <see cref="RmsNormForward"/>: dx = r · (g - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a row.</summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="inverseStandardDeviation">1 / √(m(x²) + ε) of each row, from the forward pass.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void RmsNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<double> inverseStandardDeviation,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward(
            RowPlan(rows, width, isCentered: false),
            x,
            dy,
            default,
            inverseStandardDeviation,
            weight,
            dx,
            weightGradient,
            default,
            hasFixedStatistics: false,
            "rows · width");

    /// <summary>The mean and the biased variance of each row.</summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="mean">Receives the mean of each row; NaN for an empty one.</param>
    /// <param name="variance">Receives the biased variance of each row; NaN for an empty one.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LayerNormMoments<T>(ReadOnlySpan<T> x, int rows, int width, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(RowPlan(rows, width, isCentered: true), x, mean, variance, "rows · width");

    private static Plan RowPlan(int rows, int width, bool isCentered)
    {
        Guard.NotNegative(rows);
        Guard.NotNegative(width);
        return Plan.Rows(rows, width, isCentered);
    }
}
