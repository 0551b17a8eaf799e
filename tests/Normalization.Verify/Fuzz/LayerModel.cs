using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>A layer with random options, and which inputs the documentation lets it accept.</summary>
internal sealed class LayerModel<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Func<int[], Geometry?> _describe;

    private LayerModel(NormalizationLayer<T> layer, Func<int[], Geometry?> describe) => (Layer, _describe) = (layer, describe);

    public NormalizationLayer<T> Layer { get; }

    public RunningStatisticsLayer<T>? Running => Layer is RunningStatisticsLayer<T> { RunningMean: not null } running ? running : null;

    public bool HasRunning => Running is not null;

    /// <summary>Whether passes take the statistics of their input in whichever mode, for running statistics that are taken anew.</summary>
    public bool IsRecalibrated { get; set; }

    public bool HasFixedStatistics => Running is { } running && !IsRecalibrated && (!Layer.IsTraining || running.UseRunningStatistics);

    /// <summary>A layer, or null if the options were wrong and the constructor said so.</summary>
    public static LayerModel<T>? Create(FuzzRandom random)
    {
        int channels = random.Chance(0.04) ? -random.Below(2) : 1 + random.Below(random.Chance(0.2) ? 40 : 6);
        double epsilon = random.Chance(0.03) ? random.Of(-1, double.NaN, double.PositiveInfinity) : random.Of(1e-5, 1e-3, 1e-12, 0);
        double? momentum = random.Chance(0.03) ? random.Of(-0.1, 1.5, double.NaN) : random.Of<double?>(0.1, 0, 1, 0.9, null);
        (bool affine, bool track) = (random.Chance(0.6), random.Chance(0.6));
        bool isRight = channels > 0 && epsilon >= 0 && double.IsFinite(epsilon);
        bool hasMomentum = momentum is null or (>= 0 and <= 1);
        switch (random.Below(10))
        {
            case 0:
                return New("BatchNorm1d", isRight && hasMomentum, () => new BatchNorm1d<T>(channels, epsilon, momentum, affine, track), Batch(channels, 2, 3));
            case 1:
                return New("BatchNorm2d", isRight && hasMomentum, () => new BatchNorm2d<T>(channels, epsilon, momentum, affine, track), Batch(channels, 4, 4));
            case 2:
                return New("BatchNorm3d", isRight && hasMomentum, () => new BatchNorm3d<T>(channels, epsilon, momentum, affine, track), Batch(channels, 5, 5));
            case 3:
                return New("InstanceNorm", isRight && hasMomentum, () => new InstanceNorm<T>(channels, epsilon, momentum, affine, track), Instance(channels, null));
            case 4:
                return New("InstanceNorm1d", isRight && hasMomentum, () => new InstanceNorm1d<T>(channels, epsilon, momentum, affine, track), Instance(channels, 2));
            case 5:
                return New("InstanceNorm2d", isRight && hasMomentum, () => new InstanceNorm2d<T>(channels, epsilon, momentum, affine, track), Instance(channels, 3));
            case 6 or 7:
                int groups = random.Chance(0.04) ? random.Of(0, -1, channels + 1) : random.Of(Divisors(channels));
                bool isDivisible = groups > 0 && channels % groups == 0;
                return New("GroupNorm", isRight && isDivisible, () => new GroupNorm<T>(groups, channels, epsilon, affine), Group(channels, groups));
        }
        int[] sizes = random.Chance(0.03) ? random.Of<int[]>([], [3, 0], [-1], [1 << 16, 1 << 16]) : random.Of<int[]>([channels], [2, channels], [channels, 1, 2]);
        bool isShape = sizes.Length > 0 && sizes.All(size => size > 0) && sizes.Aggregate(1.0, (product, size) => product * size) <= Array.MaxLength;
        isRight = isShape && epsilon >= 0 && double.IsFinite(epsilon);
        return random.Chance(0.6)
            ? New("LayerNorm", isRight, () => new LayerNorm<T>(sizes, epsilon, affine, track), Rows(LayerKind.LayerNorm, sizes))
            : New("RmsNorm", isRight, () => new RmsNorm<T>(sizes, epsilon, affine), Rows(LayerKind.RmsNorm, sizes));
    }

    /// <summary>How an input of this shape is shared out in the present mode; null if it has to be refused.</summary>
    public Geometry? Describe(int[] shape)
    {
        Geometry? geometry = _describe(shape);
        if (geometry is null || HasFixedStatistics)
            return geometry is { Kind: LayerKind.InstanceNorm } ? geometry with { Kind = LayerKind.BatchNorm, Groups = 1 } : geometry;
        bool hasOneValue = geometry.Kind switch
        {
            LayerKind.BatchNorm => geometry.ElementsPerGroup == 1,
            LayerKind.InstanceNorm => geometry.S == 1,
            _ => false,
        };
        return hasOneValue ? null : geometry;
    }

    /// <summary>A shape that the layer probably accepts.</summary>
    public int[] Shape(FuzzRandom random)
    {
        int[] shape = Layer switch
        {
            BatchNorm2d<T> => random.Shape(4),
            BatchNorm3d<T> => random.Shape(5),
            InstanceNorm1d<T> => random.Shape(random.Of(2, 3)),
            InstanceNorm2d<T> => random.Shape(random.Of(3, 4)),
            LayerNorm<T> layer => [.. random.Shape(random.Below(3)), .. layer.NormalizedShape],
            RmsNorm<T> layer => [.. random.Shape(random.Below(3)), .. layer.NormalizedShape],
            InstanceNorm<T> => random.Shape(random.Of(3, 4)),
            _ => random.Shape(random.Of(2, 3)),
        };
        int? channels = (Layer as RunningStatisticsLayer<T>)?.NumFeatures ?? (Layer as GroupNorm<T>)?.NumChannels;
        bool isUnbatched = (Layer is InstanceNorm1d<T> && shape.Length == 2) || (Layer is InstanceNorm2d<T> && shape.Length == 3);
        if (channels is int count)
            shape[isUnbatched ? 0 : 1] = count;
        return shape;
    }

    private static LayerModel<T>? New(string name, bool isRight, Func<NormalizationLayer<T>> create, Func<int[], Geometry?> describe)
    {
        NormalizationLayer<T>? layer = null;
        return (isRight ? Outcome.Success : Outcome.Argument).Throws($"new {name}", () => layer = create()) ? null : new(layer!, describe);
    }

    private static int[] Divisors(int channels) => [.. Enumerable.Range(1, Math.Max(1, channels)).Where(divisor => channels % divisor == 0)];

    private static Func<int[], Geometry?> Batch(int channels, int leastRank, int mostRank) => shape =>
        shape.Length >= leastRank && shape.Length <= mostRank && shape[1] == channels ? Geometry.Batch(shape[0], channels, Product(shape[2..])) : null;

    private static Func<int[], Geometry?> Instance(int channels, int? unbatchedRank) => shape =>
    {
        int channel = unbatchedRank is int rank ? shape.Length - rank : 1;
        bool fits = unbatchedRank is null ? shape.Length >= 3 : channel is 0 or 1;
        if (!fits || shape[channel] != channels)
            return null;
        return Geometry.Instance(channel == 0 ? 1 : shape[0], channels, Product(shape[(channel + 1)..]));
    };

    private static Func<int[], Geometry?> Group(int channels, int groups) => shape =>
        shape.Length >= 2 && shape[1] == channels ? Geometry.Group(shape[0], channels, Product(shape[2..]), groups) : null;

    private static Func<int[], Geometry?> Rows(LayerKind kind, int[] sizes) => shape =>
    {
        bool fits = shape.Length >= sizes.Length && shape.AsSpan(shape.Length - sizes.Length).SequenceEqual(sizes);
        return fits ? new(kind, Product(shape[..^sizes.Length]), 1, Product(sizes)) : null;
    };

    // Empty tensors may have sizes whose product would not fit; then all that counts is that something is 0.
    private static int Product(int[] sizes) => (int)Math.Min(int.MaxValue, sizes.Aggregate(1.0, (product, size) => product * size));
}
