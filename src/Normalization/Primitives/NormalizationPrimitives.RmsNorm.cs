using System.Numerics;
using System.Runtime.CompilerServices;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>RmsNorm: y = x · r · γ with r = 1 / √(m(x²) + ε) and m the mean over a row.</summary>
    /// <remarks>Zhang, Sennrich: Root Mean Square Layer Normalization, 2019, arXiv:1910.07467.</remarks>
    /// <example>
    /// <code>
    /// const int rows = 2, width = 2;
    /// float[] x = [3, 4, 30, 40], y = new float[rows * width], weight = [1, 2];
    /// double[] inverseStandardDeviation = new double[rows];
    /// NormalizationPrimitives.RmsNormForward&lt;float>(x, rows, width, weight, 1e-6, y, inverseStandardDeviation);
    ///
    /// float[] dy = [1, 0, 0, 1], dx = new float[rows * width], weightGradient = new float[width];
    /// NormalizationPrimitives.RmsNormGradient&lt;float>(x, dy, rows, width, weight, dx, weightGradient, inverseStandardDeviation);
    /// </code>
    /// </example>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="epsilon">ε, added to the mean square; at least 0.</param>
    /// <param name="y">Receives the output; may be exactly <paramref name="x"/>.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(m(x²) + ε) of each row; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void RmsNormForward<T>(
        ReadOnlySpan<T> x,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> y,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeForward<T, double>(
            NormalizationPlan.Rows(rows, width, subtractMean: false), x, weight, default, epsilon, y,
            default, inverseStandardDeviation, "rows · width");

    /// <inheritdoc cref="RmsNormForward{T}(ReadOnlySpan{T}, int, int, ReadOnlySpan{T}, double, Span{T}, Span{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float x̂ in the gradient then has a relative error of up to 2⁻²⁴.
    /// </remarks>
    public static void RmsNormForward<T>(
        ReadOnlySpan<T> x,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> y,
        Span<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeForward<T, T>(
            NormalizationPlan.Rows(rows, width, subtractMean: false), x, weight, default, epsilon, y,
            default, inverseStandardDeviation, "rows · width");

    /// <summary>The gradients of <c>RmsNormForward</c>: dx = r · (g - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a row.</summary>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">1 / √(m(x²) + ε) of each row, from the forward pass.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void RmsNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, double>(
            NormalizationPlan.Rows(rows, width, subtractMean: false), x, dy, weight, dx, weightGradient, default,
            default, inverseStandardDeviation, hasFixedStatistics: false, "rows · width");

    /// <inheritdoc cref="RmsNormGradient{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, int, int, ReadOnlySpan{T}, Span{T}, Span{T},
    /// ReadOnlySpan{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float x̂ in the gradient then has a relative error of up to 2⁻²⁴.
    /// </remarks>
    public static void RmsNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        ReadOnlySpan<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, T>(
            NormalizationPlan.Rows(rows, width, subtractMean: false), x, dy, weight, dx, weightGradient, default,
            default, inverseStandardDeviation, hasFixedStatistics: false, "rows · width");

    /// <summary>
    /// Computes the same gradients without saved statistics: the method computes the statistics from <paramref name="x"/> again, and so
    /// reads <paramref name="x"/> once more.
    /// </summary>
    /// <remarks>The statistics keep all their digits.</remarks>
    /// <param name="x">The input, [rows, width].</param>
    /// <param name="dy">The gradient of the output, [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="epsilon">ε, added to the mean square; at least 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void RmsNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int rows,
        int width,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => RecomputeBackward(
            NormalizationPlan.Rows(rows, width, subtractMean: false), x, dy, weight, epsilon, dx, weightGradient, default, "rows · width");
}
