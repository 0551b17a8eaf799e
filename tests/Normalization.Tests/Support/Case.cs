using System.Numerics;

namespace Normalization.Tests;

/// <summary>The five ways to share out the elements.</summary>
public enum Kind
{
    Batch,
    Instance,
    Group,
    Layer,
    Rms,
}

/// <summary>A layer with its options and the shape it is given: which elements share statistics, and which share coefficients.</summary>
internal sealed record Case(Kind Kind, params int[] Shape)
{
    public int Groups { get; init; } = 1;

    public int NormalizedRank { get; init; } = 1;

    public bool Affine { get; init; } = true;

    public bool Bias { get; init; } = true;

    public bool Track { get; init; }

    public double? Momentum { get; init; } = 0.1;

    public double Epsilon { get; init; } = 1e-5;

    public bool IsUnbatched { get; init; }

    public Activation Activation { get; init; }

    /// <summary>Where the layer expects the channels. <see cref="Shape"/> has them first.</summary>
    public ChannelAxis? Axis { get; init; }

    private ChannelAxis ImageAxis => Axis ?? ChannelAxis.First;

    private ChannelAxis RowAxis => Axis ?? ChannelAxis.Last;

    public bool IsRows => Kind is Kind.Layer or Kind.Rms;

    public int Length => Product(Shape);

    public int N => IsRows ? Product(Shape.AsSpan(0, Shape.Length - NormalizedRank)) : IsUnbatched ? 1 : Shape[0];

    public int C => IsRows ? 1 : Shape[IsUnbatched ? 0 : 1];

    public int S => IsRows ? Product(Shape.AsSpan(Shape.Length - NormalizedRank)) : Product(Shape.AsSpan(IsUnbatched ? 1 : 2));

    public bool HasBias => Affine && Kind != Kind.Rms && (Bias || Kind != Kind.Layer);

    public int Coefficients => IsRows ? S : C;

    public int GroupCount(bool hasFixedStatistics) => Kind switch
    {
        Kind.Batch => C,
        Kind.Instance => hasFixedStatistics ? C : N * C,
        Kind.Group => N * Groups,
        _ => N,
    };

    public int GroupOf(int element, bool hasFixedStatistics)
    {
        int sample = element / (C * S), channel = element / S % C;
        return Kind switch
        {
            Kind.Batch => channel,
            Kind.Instance => hasFixedStatistics ? channel : (sample * C) + channel,
            Kind.Group => (sample * Groups) + (channel / (C / Groups)),
            _ => sample,
        };
    }

    public int CoefficientOf(int element) => IsRows ? element % S : element / S % C;

    public NormalizationLayer<T> Create<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> => (Kind, SpatialRank) switch
    {
        (Kind.Batch, 0 or 1) => new BatchNorm1d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Batch, 2) => new BatchNorm2d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Batch, _) => new BatchNorm3d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Instance, 1) => new InstanceNorm1d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Instance, 2) => new InstanceNorm2d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Instance, 3) => new InstanceNorm3d<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Instance, _) => new InstanceNorm<T>(C, Epsilon, Momentum, Affine, Track) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Group, _) => new GroupNorm<T>(Groups, C, Epsilon, Affine) { Activation = Activation, ChannelAxis = ImageAxis },
        (Kind.Layer, _) => new LayerNorm<T>(Shape.AsSpan(Shape.Length - NormalizedRank), Epsilon, Affine, Bias) { Activation = Activation, ChannelAxis = RowAxis },
        _ => new RmsNorm<T>(Shape.AsSpan(Shape.Length - NormalizedRank), Epsilon, Affine) { Activation = Activation, ChannelAxis = RowAxis },
    };

    public override string ToString()
    {
        string text = $"{Kind} [{string.Join(", ", Shape)}]";
        text += Kind == Kind.Group ? $" groups {Groups}" : "";
        text += IsRows ? $" over {NormalizedRank}" : "";
        text += IsUnbatched ? " unbatched" : "";
        text += Affine ? "" : " plain";
        text += Affine && !Bias ? " without bias" : "";
        text += Track ? " tracking" : "";
        text += Track && Momentum != 0.1 ? $" momentum {(Momentum is { } momentum ? $"{momentum}" : "null")}" : "";
        text += Activation == Activation.None ? "" : $" {Activation}";
        text += Axis is null ? "" : $" channels {Axis}";
        return text + (Epsilon != 1e-5 ? $" epsilon {Epsilon}" : "");
    }

    private int SpatialRank => Shape.Length - (IsUnbatched ? 1 : 2);

    private static int Product(ReadOnlySpan<int> sizes)
    {
        int product = 1;
        foreach (int size in sizes)
            product *= size;
        return product;
    }
}
