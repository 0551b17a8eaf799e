using System.Numerics;

namespace Normalization.Verify.Numerics;

internal enum LayerKind
{
    BatchNorm,
    InstanceNorm,
    GroupNorm,
    LayerNorm,
    RmsNorm,
}

/// <summary>A layer's input as [N, C, S], said again without the library: which elements share statistics, which a coefficient.</summary>
internal sealed record Geometry(LayerKind Kind, int N, int C, int S, int Groups = 1)
{
    public static Geometry Batch(int n, int c, int s) => new(LayerKind.BatchNorm, n, c, s);

    public static Geometry Instance(int n, int c, int s) => new(LayerKind.InstanceNorm, n, c, s, c);

    public static Geometry Group(int n, int c, int s, int groups) => new(LayerKind.GroupNorm, n, c, s, groups);

    public static Geometry Layer(int rows, int width) => new(LayerKind.LayerNorm, rows, 1, width);

    public static Geometry Rms(int rows, int width) => new(LayerKind.RmsNorm, rows, 1, width);

    public bool IsRows => Kind is LayerKind.LayerNorm or LayerKind.RmsNorm;

    public bool IsCentered => Kind != LayerKind.RmsNorm;

    public int Length => checked(N * C * S);

    public int[] Shape => IsRows ? [N, S] : S == 1 && Kind == LayerKind.BatchNorm ? [N, C] : [N, C, S];

    public int GroupCount => Kind == LayerKind.BatchNorm ? C : N * Groups;

    public int ParameterCount => IsRows ? S : C;

    public long ElementsPerGroup => Kind == LayerKind.BatchNorm ? (long)N * S : (long)C / Groups * S;

    public int GroupOf(int element) => Kind switch
    {
        LayerKind.BatchNorm => element / S % C,
        _ when IsRows => element / S,
        _ => element / (C / Groups * S),
    };

    public int ParameterOf(int element) => IsRows ? element % S : element / S % C;

    /// <summary>The samples and what each of them has coefficients for, if it has its own.</summary>
    public int[] Coefficients => IsRows ? [N, S] : [N, C];

    public NormalizationLayer<T> Create<T>(
        double epsilon = 1e-5,
        bool affine = true,
        bool track = true,
        int? virtualBatchSize = null,
        Activation activation = Activation.None)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Kind switch
        {
            LayerKind.BatchNorm => new BatchNorm1d<T>(C, epsilon, affine: affine, trackRunningStatistics: track)
            {
                VirtualBatchSize = virtualBatchSize,
                Activation = activation,
            },
            LayerKind.InstanceNorm => new InstanceNorm<T>(C, epsilon, affine: affine, trackRunningStatistics: track) { Activation = activation },
            LayerKind.GroupNorm => new GroupNorm<T>(Groups, C, epsilon, affine) { Activation = activation },
            LayerKind.LayerNorm => new LayerNorm<T>(S, epsilon, affine) { Activation = activation },
            _ => new RmsNorm<T>(S, epsilon, affine) { Activation = activation },
        };

    public override string ToString() => Kind == LayerKind.GroupNorm
        ? $"{Kind}({Groups}) {Normalization.Shape.Format(Shape)}"
        : $"{Kind} {Normalization.Shape.Format(Shape)}";
}
