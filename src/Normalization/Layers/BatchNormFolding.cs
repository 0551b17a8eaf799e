using System.Numerics;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>
/// Folds a trained <see cref="BatchNorm{T}"/> into the linear or convolutional layer right before it, so that inference needs no
/// BatchNorm: W' = W · scale and b' = (b - μ) · scale + β for each output channel, scale = γ / √(σ² + ε) with the running μ and σ².
/// </summary>
/// <remarks>
/// The layer has to be in evaluation mode and to track running statistics. Weights and biases have PyTorch's layouts. The results are new
/// tensors, computed in double and rounded once; the arguments stay as they are. A value beyond the range of the element type becomes
/// infinite. In the network the sums then run over W' · x + b', where digits are lost if |μ| is large against the deviation; the layer
/// itself loses none.
/// </remarks>
/// <example>
/// <code>
/// Tensor&lt;float> weight = Tensor&lt;float>.RandomNormal([16, 8], seed: 1), bias = new(16);  // y = x · Wᵀ + b
/// var norm = new BatchNorm1d&lt;float>(16);
/// norm.Eval();
/// (Tensor&lt;float> foldedWeight, Tensor&lt;float> foldedBias) = BatchNormFolding.IntoLinear(weight, bias, norm);
/// </code>
/// </example>
public static class BatchNormFolding
{
    /// <summary>Folds into y = x · Wᵀ + b.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="weight">W, [out, in].</param>
    /// <param name="bias">b, [out]; null for none.</param>
    /// <param name="batchNorm">The layer that follows, over the out channels.</param>
    /// <returns>The weight, [out, in], and the bias, [out], of the layer that does both.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="weight"/> or <paramref name="batchNorm"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode, or does not track running statistics.</exception>
    public static (Tensor<T> Weight, Tensor<T> Bias) IntoLinear<T>(Tensor<T> weight, Tensor<T>? bias, BatchNorm<T> batchNorm)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardNotNull(weight, batchNorm);
        GuardWeight(weight, weight.Rank == 2 && weight.Shape[0] == batchNorm.NumFeatures, $"[{batchNorm.NumFeatures}, in]");
        return Into(weight, bias, batchNorm, inputs: 1, groups: 1);
    }

    /// <summary>Folds into a convolution of any number of dimensions, grouped and depthwise ones included.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="weight">The weight, [out, in / groups, k...] with at least one kernel size.</param>
    /// <param name="bias">The bias, [out]; null for none.</param>
    /// <param name="batchNorm">The layer that follows, over the out channels.</param>
    /// <returns>The weight, of the same shape, and the bias, [out], of the convolution that does both.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="weight"/> or <paramref name="batchNorm"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode, or does not track running statistics.</exception>
    public static (Tensor<T> Weight, Tensor<T> Bias) IntoConvolution<T>(Tensor<T> weight, Tensor<T>? bias, BatchNorm<T> batchNorm)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardNotNull(weight, batchNorm);
        GuardWeight(weight, weight.Rank >= 3 && weight.Shape[0] == batchNorm.NumFeatures, $"[{batchNorm.NumFeatures}, in / groups, k...]");
        return Into(weight, bias, batchNorm, inputs: 1, groups: 1);
    }

    /// <summary>Folds into a transposed convolution of any number of dimensions.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="weight">The weight, [in, out / groups, k...] with at least one kernel size.</param>
    /// <param name="bias">The bias, [out]; null for none.</param>
    /// <param name="batchNorm">The layer that follows, over the out channels.</param>
    /// <param name="groups">The number of groups that the channels are connected in; divides in and out.</param>
    /// <returns>The weight, of the same shape, and the bias, [out], of the transposed convolution that does both.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="weight"/> or <paramref name="batchNorm"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="groups"/> is not positive.</exception>
    /// <exception cref="InvalidOperationException">The layer is in training mode, or does not track running statistics.</exception>
    public static (Tensor<T> Weight, Tensor<T> Bias) IntoTransposedConvolution<T>(
        Tensor<T> weight, Tensor<T>? bias, BatchNorm<T> batchNorm, int groups = 1)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardNotNull(weight, batchNorm);
        Guard.Positive(groups);
        int outputs = batchNorm.NumFeatures;
        if (outputs % groups != 0)
            throw new ArgumentException($"groups must divide the {outputs} output channels, got {groups}.", nameof(groups));
        GuardWeight(
            weight,
            weight.Rank >= 3 && weight.Shape[0] % groups == 0 && weight.Shape[1] == outputs / groups,
            $"[in, {outputs / groups}, k...] with in divisible by {groups}");
        return Into(weight, bias, batchNorm, weight.Shape[0], groups);
    }

    /// <summary>
    /// Weights are blocks [inputs, out / groups], each of one output channel; those of a group's inputs lead to the group's outputs.
    /// </summary>
    private static (Tensor<T> Weight, Tensor<T> Bias) Into<T>(
        Tensor<T> weight, Tensor<T>? bias, BatchNorm<T> batchNorm, int inputs, int groups)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int outputs = batchNorm.NumFeatures, outputsPerGroup = outputs / groups, inputsPerGroup = inputs / groups;
        if (bias is not null && !bias.Shape.SequenceEqual([outputs]))
            throw new ArgumentException($"expected bias [{outputs}], got {Shape.Format(bias.Shape)}", nameof(bias));
        ChannelMap[] channels = batchNorm.FoldChannels();
        int length = weight.Length == 0 ? 0 : weight.Length / (inputs * outputsPerGroup);
        Tensor<T> foldedWeight = Tensor<T>.Uninitialized(weight.Shape), foldedBias = Tensor<T>.Uninitialized(outputs);
        for (int block = 0; block * length < weight.Length; block++)
        {
            int group = block / outputsPerGroup / inputsPerGroup, channel = (group * outputsPerGroup) + (block % outputsPerGroup);
            ReadOnlySpan<T> source = weight.Span.Slice(block * length, length);
            Span<T> destination = foldedWeight.Span.Slice(block * length, length);
            double scale = channels[channel].Scale;
            for (int i = 0; i < length; i++)
                destination[i] = Element.FromDouble<T>(Element.ToDouble(source[i]) * scale);
        }
        for (int i = 0; i < outputs; i++)
            foldedBias.Span[i] = Element.FromDouble<T>(channels[i].Of(bias is null ? 0 : Element.ToDouble(bias.Span[i])));
        return (foldedWeight, foldedBias);
    }

    private static void GuardNotNull<T>(Tensor<T> weight, BatchNorm<T> batchNorm)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(batchNorm);
    }

    private static void GuardWeight<T>(Tensor<T> weight, bool fits, string expected)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!fits)
            throw new ArgumentException($"expected weight {expected}, got {Shape.Format(weight.Shape)}", nameof(weight));
    }
}
