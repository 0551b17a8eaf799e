using System.Numerics;

namespace Normalization.Benchmarks;

/// <summary>This library, through its layers and their overloads with a destination.</summary>
internal sealed class NormalizationContender<T>(string layout) : IContender
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public string Library => "Normalization";

    public string Layout => layout;

    public Action? Prepare(string operation, int[] shape, int groups, int threads)
    {
        NormalizationLayer<T> layer = CreateLayer(operation, shape, groups);
        Tensor<T> x = Tensor<T>.RandomNormal(shape, seed: 1);
        Tensor<T> dy = Tensor<T>.RandomNormal(shape, seed: 2);
        Tensor<T> y = new(shape);
        layer.Forward(x, y);
        if (operation.EndsWith("-eval", StringComparison.Ordinal))
            layer.Eval();
        return operation.EndsWith("-backward", StringComparison.Ordinal)
            ? () =>
            {
                NormalizationParallelism.MaxDegree = threads;
                layer.Backward(dy, y);
            }
        : () =>
        {
            NormalizationParallelism.MaxDegree = threads;
            layer.Forward(x, y);
        };
    }

    private static NormalizationLayer<T> CreateLayer(string operation, int[] shape, int groups) => operation.Split('-')[0] switch
    {
        "batchnorm" when shape.Length <= 3 => new BatchNorm1d<T>(shape[1]),
        "batchnorm" when shape.Length == 4 => new BatchNorm2d<T>(shape[1]),
        "batchnorm" => new BatchNorm3d<T>(shape[1]),
        "layernorm" => new LayerNorm<T>(shape.AsSpan(1)),
        "rmsnorm" => new RmsNorm<T>(shape.AsSpan(1), 1e-5),
        "groupnorm" => new GroupNorm<T>(groups, shape[1]),
        _ => new InstanceNorm<T>(shape[1], affine: true),
    };
}
