using System.Numerics;
using System.Runtime.CompilerServices;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>LayerNorm: y = (x - μ) · r · γ + β with the statistics of each row, r = 1 / √(σ² + ε), σ² the biased variance.</summary>
    /// <remarks>Ba, Kiros, Hinton: Layer Normalization, 2016, arXiv:1607.06450.</remarks>
    /// <example>
    /// <code>
    /// const int rows = 2, width = 4;
    /// float[] x = [1, 2, 3, 4, 10, 20, 30, 40], y = new float[rows * width], weight = [1, 1, 2, 2], bias = [0, 0, 0, 1];
    /// double[] mean = new double[rows], inverseStandardDeviation = new double[rows];
    /// NormalizationPrimitives.LayerNormForward&lt;float>(x, rows, width, weight, bias, 1e-5, y, mean, inverseStandardDeviation);
    ///
    /// float[] dy = [1, 0, 0, 0, 0, 0, 0, 1], dx = new float[rows * width];
    /// float[] weightGradient = new float[width], biasGradient = new float[width];
    /// NormalizationPrimitives.LayerNormGradient&lt;float>(
    ///     x, dy, rows, width, weight, dx, weightGradient, biasGradient, mean, inverseStandardDeviation);
    /// </code>
    /// </example>
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
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
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
        => ComputeForward<T, double>(
            NormalizationPlan.Rows(rows, width), x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "rows · width");

    /// <inheritdoc cref="LayerNormForward{T}(ReadOnlySpan{T}, int, int, ReadOnlySpan{T}, ReadOnlySpan{T}, double, Span{T},
    /// Span{double}, Span{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void LayerNormForward<T>(
        ReadOnlySpan<T> x,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<T> mean,
        Span<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeForward<T, T>(
            NormalizationPlan.Rows(rows, width), x, weight, bias, epsilon, y, mean, inverseStandardDeviation, "rows · width");

    /// <summary>
    /// The gradients of <c>LayerNormForward</c>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a row.
    /// </summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each column; empty if not wanted.</param>
    /// <param name="mean">The mean of each row, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each row, from the forward pass.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void LayerNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, double>(
            NormalizationPlan.Rows(rows, width), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "rows · width");

    /// <inheritdoc cref="LayerNormGradient{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, int, int, ReadOnlySpan{T}, Span{T}, Span{T}, Span{T},
    /// ReadOnlySpan{double}, ReadOnlySpan{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void LayerNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, T>(
            NormalizationPlan.Rows(rows, width), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "rows · width");

    /// <summary>
    /// Computes the same gradients without saved statistics: the method computes the statistics from <paramref name="x"/> again, and so
    /// reads <paramref name="x"/> once more.
    /// </summary>
    /// <remarks>The statistics keep all their digits. A mean that is saved as one number loses some.</remarks>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each column; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LayerNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => RecomputeBackward(NormalizationPlan.Rows(rows, width), x, dy, weight, epsilon, dx, weightGradient, biasGradient, "rows · width");

    /// <summary>Computes the mean and the biased variance of each row.</summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="mean">Receives the mean of each row; NaN for a row without elements.</param>
    /// <param name="variance">Receives the biased variance of each row; NaN for a row without elements.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void LayerNormMoments<T>(ReadOnlySpan<T> x, int rows, int width, Span<double> mean, Span<double> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeMoments(NormalizationPlan.Rows(rows, width), x, mean, variance, "rows · width");
}
