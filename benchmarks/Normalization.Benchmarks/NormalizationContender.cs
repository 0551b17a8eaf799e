using System.Numerics;

namespace Normalization.Benchmarks;

/// <summary>
/// This library, through its layers and their overloads with a destination; one call does all of an operation. With the channels last it
/// has the norms of images, with [N, ..., C] for the [N, C, ...] of the case.
/// </summary>
internal sealed class NormalizationContender<T>(string layout, ChannelAxis axis = ChannelAxis.First) : IContender
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int FewestImageDimensions = 4;

    public string Library => "Normalization";

    public string Layout => layout;

    public Action? Prepare(string operation, int[] shape, int groups, int threads)
    {
        var parts = Operation.Parse(operation);
        if (axis == ChannelAxis.Last && (shape.Length < FewestImageDimensions || parts.Norm is "layernorm" or "rmsnorm" or "localresponse"))
            return null;
        NormalizationLayer<T> layer = CreateLayer(parts, shape, groups, parts.HasRelu ? Activation.Relu : Activation.None, axis);
        if (axis == ChannelAxis.Last)
            shape = [shape[0], .. shape[2..], shape[1]];
        Tensor<T> x = BenchmarkData.Normal<T>(shape, seed: 1), y = new(shape);
        Tensor<T>? other = parts.HasTwoInputs ? BenchmarkData.Normal<T>(shape, seed: 2) : null;
        ForwardOptions<T> options = new()
        {
            Residual = parts.HasResidual ? other : null,
            Sum = parts.HasResidual ? new(shape) : null,
            Skip = parts.HasSkip ? other : null,
            Scale = parts.IsModulated ? BenchmarkData.Normal<T>([shape[0], shape[^1]], seed: 3) : null,
            Shift = parts.IsModulated ? BenchmarkData.Normal<T>([shape[0], shape[^1]], seed: 4) : null,
        };
        layer.Forward(x, y, options);
        if (parts.Direction == "eval")
            layer.Eval();
        Action call = (parts.IsBackward, parts.HasResidual || parts.HasSkip || parts.IsModulated) switch
        {
            (true, _) => () => layer.Backward(other!, y),
            (false, true) => () => layer.Forward(x, y, options),
            _ => () => layer.Forward(x, y),
        };
        return () =>
        {
            NormalizationParallelism.MaxDegree = threads;
            call();
        };
    }

    /// <summary>The layer of an operation, with an activation behind it.</summary>
    internal static NormalizationLayer<T> CreateLayer(
        in Operation parts, int[] shape, int groups, Activation activation, ChannelAxis axis = ChannelAxis.First) => parts.Norm switch
        {
            "batchnorm" when shape.Length <= 3 => new BatchNorm1d<T>(shape[1]) { Activation = activation, ChannelAxis = axis },
            "batchnorm" when shape.Length == 4 => new BatchNorm2d<T>(shape[1]) { Activation = activation, ChannelAxis = axis },
            "batchnorm" => new BatchNorm3d<T>(shape[1]) { Activation = activation, ChannelAxis = axis },
            "layernorm" when parts.IsModulated => new LayerNorm<T>(shape[^1], elementwiseAffine: false) { Activation = activation },
            "layernorm" => new LayerNorm<T>(shape.AsSpan(1)) { Activation = activation },
            "rmsnorm" => new RmsNorm<T>(shape.AsSpan(1), 1e-5) { Activation = activation },
            // The values of PyTorch and oneDNN by default, and the window of AlexNet.
            "localresponse" => new LocalResponseNorm<T>(5, alpha: 1e-4, beta: 0.75, k: 1),
            "groupnorm" => new GroupNorm<T>(groups, shape[1]) { Activation = activation, ChannelAxis = axis },
            _ => new InstanceNorm<T>(shape[1], affine: true) { Activation = activation, ChannelAxis = axis },
        };
}
