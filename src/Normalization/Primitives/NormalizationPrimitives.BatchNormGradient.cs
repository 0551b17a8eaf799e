using System.Numerics;
using System.Runtime.CompilerServices;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    /// <summary>
    /// The gradients of <c>BatchNormForward</c>: dx = r · (g - m(g) - x̂ · m(g · x̂)) with g = γ · dy and m the mean over a channel.
    /// </summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <param name="mean">The mean of each channel, from the forward pass.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each channel, from the forward pass.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void BatchNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, double>(
            NormalizationPlan.Batch(n, c, s), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "n · c · s");

    /// <inheritdoc cref="BatchNormGradient{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, int, int, int, ReadOnlySpan{T}, Span{T}, Span{T},
    /// Span{T}, ReadOnlySpan{double}, ReadOnlySpan{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void BatchNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, T>(
            NormalizationPlan.Batch(n, c, s), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: false, "n · c · s");

    /// <summary>
    /// Computes the same gradients without saved statistics: the method computes the statistics from <paramref name="x"/> again, and so
    /// reads <paramref name="x"/> once more.
    /// </summary>
    /// <remarks>The statistics keep all their digits. A mean that is saved as one number loses some.</remarks>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => RecomputeBackward(TrainingPlan(n, c, s), x, dy, weight, epsilon, dx, weightGradient, biasGradient, "n · c · s");

    /// <summary>The gradients of <c>BatchNormInference</c>, whose statistics do not depend on x: dx = r · γ · dy.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="inverseStandardDeviation">1 / √(variance + ε) of each channel.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    [OverloadResolutionPriority(1)]
    public static void BatchNormInferenceGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, double>(
            NormalizationPlan.Batch(n, c, s), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: true, "n · c · s");

    /// <inheritdoc cref="BatchNormInferenceGradient{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, int, int, int, ReadOnlySpan{T}, Span{T},
    /// Span{T}, Span{T}, ReadOnlySpan{double}, ReadOnlySpan{double})"/>
    /// <remarks>
    /// The saved statistics are rounded to <typeparamref name="T"/>. For float this loses digits where |μ| is larger than the deviation σ:
    /// x̂ in the gradient is then wrong by up to 2⁻²⁴ · |μ| / σ.
    /// </remarks>
    public static void BatchNormInferenceGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> inverseStandardDeviation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => ComputeBackward<T, T>(
            NormalizationPlan.Batch(n, c, s), x, dy, weight, dx, weightGradient, biasGradient,
            mean, inverseStandardDeviation, hasFixedStatistics: true, "n · c · s");

    /// <summary>The same gradients from the mean and the variance that <c>BatchNormInference</c> was given.</summary>
    /// <param name="x">The input, [n, c, s].</param>
    /// <param name="dy">The gradient of the output, [n, c, s].</param>
    /// <param name="n">The batch size.</param>
    /// <param name="c">The number of channels.</param>
    /// <param name="s">The elements of one channel of one sample; 1 for [n, c].</param>
    /// <param name="weight">γ, one for each channel; empty for ones.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="dx">Receives the gradient of the input; may be exactly <paramref name="dy"/>.</param>
    /// <param name="weightGradient">Gains Σ dy · x̂ of each channel; empty if not wanted.</param>
    /// <param name="biasGradient">Gains Σ dy of each channel; empty if not wanted.</param>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="variance">The variance of each channel.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the sizes ask for, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative or ε is negative or not finite.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public static void BatchNormInferenceGradient<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        int n,
        int c,
        int s,
        ReadOnlySpan<T> weight,
        double epsilon,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        => RecomputeBackward(
            NormalizationPlan.Batch(n, c, s), x, dy, weight, epsilon, dx, weightGradient, biasGradient, mean, variance, "n · c · s");
}
