namespace Normalization.Training.Networks;

/// <summary>What stands between a linear step (a convolution, a matrix) and its activation.</summary>
internal enum NormalizationKind
{
    None,
    BatchNorm,
    LayerNorm,
    GroupNorm,
    InstanceNorm,
}

internal static class NormalizationKindExtensions
{
    public static string DisplayName(this NormalizationKind kind) => kind == NormalizationKind.None ? "none" : kind.ToString();

    /// <summary>A layer of this kind for images [channels, height, width], and ReLU, which the layer does in its own pass.</summary>
    public static ILayer ReluForImages(this NormalizationKind kind, int channels, int side) => kind switch
    {
        NormalizationKind.None => new Relu(),
        NormalizationKind.BatchNorm => new Normalized(new BatchNorm2d<float>(channels) { Activation = Activation.Relu }),
        NormalizationKind.LayerNorm => new Normalized(new LayerNorm<float>([channels, side, side]) { Activation = Activation.Relu }),
        NormalizationKind.GroupNorm => new Normalized(new GroupNorm<float>(channels / 4, channels) { Activation = Activation.Relu }),
        NormalizationKind.InstanceNorm =>
            new Normalized(new InstanceNorm2d<float>(channels, affine: true) { Activation = Activation.Relu }),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>A layer of this kind for rows of features, and ReLU, which the layer does in its own pass.</summary>
    public static ILayer ReluForFeatures(this NormalizationKind kind, int features) => kind switch
    {
        NormalizationKind.None => new Relu(),
        NormalizationKind.BatchNorm => new Normalized(new BatchNorm1d<float>(features) { Activation = Activation.Relu }),
        NormalizationKind.LayerNorm => new Normalized(new LayerNorm<float>(features) { Activation = Activation.Relu }),
        NormalizationKind.GroupNorm => new Normalized(new GroupNorm<float>(features / 16, features) { Activation = Activation.Relu }),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>A layer of this kind for rows of features. There is no InstanceNorm of a single number: it would always be 0.</summary>
    public static IEnumerable<ILayer> ForFeatures(this NormalizationKind kind, int features) => kind switch
    {
        NormalizationKind.None => [],
        NormalizationKind.BatchNorm => [new Normalized(new BatchNorm1d<float>(features))],
        NormalizationKind.LayerNorm => [new Normalized(new LayerNorm<float>(features))],
        NormalizationKind.GroupNorm => [new Normalized(new GroupNorm<float>(features / 16, features))],
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
