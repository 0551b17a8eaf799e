using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>
    /// LayerNorm or RmsNorm of rows that lie apart, such as the heads of the queries in one buffer of queries, keys and values.
    /// </summary>
    /// <remarks>
    /// The rows are gathered into pooled memory and have the bits of dense rows. All of <paramref name="x"/> is read before anything is
    /// written, so <paramref name="y"/> may be the same rows or lie between them.
    /// </remarks>
    /// <example>
    /// <code>
    /// const int heads = 2, size = 2, stride = 6;
    ///
    /// // Two heads of queries; keys and values lie between.
    /// float[] buffer = [1, 3, 0, 0, 0, 0, 10, 30, 0, 0, 0, 0];
    /// NormalizationPrimitives.StridedRowsForward&lt;float>(
    ///     buffer, stride, heads, size, subtractMean: true, weight: [], bias: [], 1e-5, buffer, stride,
    ///     mean: [], inverseStandardDeviation: []);
    /// </code>
    /// </example>
    /// <param name="x">The input; row r begins at r · <paramref name="xStride"/>.</param>
    /// <param name="xStride">From the start of one row to the start of the next; at least <paramref name="width"/>.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="subtractMean">Whether the mean is subtracted, as LayerNorm does; if not, it is RmsNorm.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="bias">β, one for each column; empty for zeros.</param>
    /// <param name="epsilon">ε, added to the variance or to the mean square; at least 0.</param>
    /// <param name="y">Receives the output; row r begins at r · <paramref name="yStride"/>. What lies between is not touched.</param>
    /// <param name="yStride">The stride of the rows of the output.</param>
    /// <param name="mean">Receives the mean of each row; empty if not wanted.</param>
    /// <param name="inverseStandardDeviation">Receives 1 / √(σ² + ε) of each row; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, a stride is less than the width, or ε is negative or not finite.
    /// </exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void StridedRowsForward<T>(
        ReadOnlySpan<T> x,
        int xStride,
        int rows,
        int width,
        bool subtractMean,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        int yStride,
        Span<double> mean,
        Span<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var plan = NormalizationPlan.Rows(rows, width, subtractMean);
        Guard.ElementType<T>();
        GuardRows(x, rows, width, xStride, nameof(x));
        GuardRows<T>(y, rows, width, yStride, nameof(y));
        Guard.Apart<T, T>(y, weight, nameof(y), nameof(weight));
        Guard.Apart<T, T>(y, bias, nameof(y), nameof(bias));
        GuardWritten<double, T>(mean, nameof(mean), x, y);
        GuardWritten<double, T>(inverseStandardDeviation, nameof(inverseStandardDeviation), x, y);
        using Scratch<T> dense = new((nint)rows * width);
        Gather(x, width, xStride, dense.Span);
        ComputeForward(plan, dense.Span, weight, bias, epsilon, dense.Span, mean, inverseStandardDeviation, "rows · width");
        Scatter(dense.Span, width, yStride, y);
    }

    /// <summary>The gradients of <see cref="StridedRowsForward"/>.</summary>
    /// <param name="x">The input; row r begins at r · <paramref name="xStride"/>.</param>
    /// <param name="xStride">The stride of the rows of the input.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="dyStride">The stride of its rows.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">The elements of one row.</param>
    /// <param name="subtractMean">Whether the mean was subtracted.</param>
    /// <param name="weight">γ, one for each column; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be the rows of <paramref name="dy"/>. What lies between is not touched.
    /// </param>
    /// <param name="dxStride">The stride of its rows.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each column; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each column; empty if not wanted.</param>
    /// <param name="mean">The mean of each row, from the forward pass; of RmsNorm it is not read.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each row, from the forward pass.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or a stride is less than the width.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void StridedRowsGradient<T>(
        ReadOnlySpan<T> x,
        int xStride,
        ReadOnlySpan<T> dy,
        int dyStride,
        int rows,
        int width,
        bool subtractMean,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        int dxStride,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var plan = NormalizationPlan.Rows(rows, width, subtractMean);
        Guard.ElementType<T>();
        GuardRows(x, rows, width, xStride, nameof(x));
        GuardRows(dy, rows, width, dyStride, nameof(dy));
        GuardRows<T>(dx, rows, width, dxStride, nameof(dx));
        Guard.Apart<T, T>(dx, x, nameof(dx), nameof(x));
        Guard.Apart<T, T>(dx, weight, nameof(dx), nameof(weight));
        GuardWritten<T, T>(weightGradient, nameof(weightGradient), x, dy, dx);
        GuardWritten<T, T>(biasGradient, nameof(biasGradient), x, dy, dx);
        GuardSaved(dx, nameof(dx), mean, inverseStandardDeviation);
        using Scratch<T> input = new((nint)rows * width), gradient = new((nint)rows * width);
        Gather(x, width, xStride, input.Span);
        Gather(dy, width, dyStride, gradient.Span);
        ComputeBackward(
            plan, input.Span, gradient.Span, weight, gradient.Span, weightGradient, biasGradient, mean, inverseStandardDeviation,
            hasFixedStatistics: false, "rows · width");
        Scatter(gradient.Span, width, dxStride, dx);
    }

    private static void GuardRows<T>(ReadOnlySpan<T> span, int rows, int width, int stride, string name) where T : unmanaged
    {
        if (stride < width)
            throw new ArgumentOutOfRangeException($"{name}Stride", $"{name}Stride must be at least the width {width}, got {stride}.");
        long least = rows == 0 ? 0 : ((rows - 1L) * stride) + width;
        if (span.Length < least)
        {
            throw new ArgumentException(
                $"{name} must have at least (rows - 1) · stride + width = {least} elements, got {span.Length}.", name);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather<T>(ReadOnlySpan<T> rows, int width, int stride, Span<T> dense) where T : unmanaged
    {
        for (int row = 0; width > 0 && row < dense.Length / width; row++)
            rows.Slice(row * stride, width).CopyTo(dense[(row * width)..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scatter<T>(ReadOnlySpan<T> dense, int width, int stride, Span<T> rows) where T : unmanaged
    {
        for (int row = 0; width > 0 && row < dense.Length / width; row++)
            dense.Slice(row * width, width).CopyTo(rows[(row * stride)..]);
    }
}
