using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Distributed;

/// <summary>A batch, what is in it, and how it is shared out: the same on every rank for the same seed and index.</summary>
internal sealed record SplitCase(int[] Shape, int[] Parts, ulong Seed)
{
    // Short runs go in columns and long ones in runs; the last three are worth several threads.
    private static readonly int[][] s_positions = [[], [1], [7], [300], [3, 3], [7, 7], [14, 14], [17, 19], [2, 3, 4]];
    private static readonly int[][] s_large = [[64, 33, 14, 14], [5, 2, 40_001], [2_100, 70]];

    public bool HasAffine { get; private init; } = true;

    public double? Momentum { get; private init; } = 0.1;

    public string Data { get; private init; } = "";

    public int Channels => Shape[1];

    public int Positions => Shape.Skip(2).Aggregate(1, static (product, size) => product * size);

    public int SampleLength => Channels * Positions;

    public int ValuesPerChannel => Shape[0] * Positions;

    public static SplitCase Create(int seed, int index, int ranks)
    {
        var random = new Random((seed * 1_000_003) + index);
        int[] shape = index % 25 == 24
            ? s_large[index / 25 % s_large.Length]
            : [random.Next(0, 13), random.Next(1, 41), .. s_positions[random.Next(s_positions.Length)]];
        string[] data = ["even", "large mean", "trend", "constant", "huge", "tiny"];
        return new SplitCase(shape, Split(random, shape[0], ranks), (ulong)random.NextInt64())
        {
            HasAffine = random.Next(4) > 0,
            Momentum = random.Next(3) == 0 ? null : 0.1,
            Data = data[random.Next(data.Length)],
        };
    }

    public int FirstSample(int rank) => Parts.Take(rank).Sum();

    public BatchNorm<T> Layer<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        BatchNorm<T> layer = Shape.Length switch
        {
            2 or 3 => new BatchNorm1d<T>(Channels, 1e-5, Momentum, HasAffine),
            4 => new BatchNorm2d<T>(Channels, 1e-5, Momentum, HasAffine),
            _ => new BatchNorm3d<T>(Channels, 1e-5, Momentum, HasAffine),
        };
        if (HasAffine)
        {
            Values.Fill(layer.Weight!.Value.Span, Seed + 1, 1, 0.9);
            Values.Fill(layer.Bias!.Value.Span, Seed + 2);
        }
        return layer;
    }

    /// <summary>The whole batch of one step.</summary>
    public Tensor<T> Input<T>(int step) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var input = new Tensor<T>(Shape);
        for (int i = 0; i < input.Length; i++)
        {
            double value = Values.Uniform(Seed + 3 + (ulong)step, (ulong)i);
            input.Span[i] = T.CreateTruncating(Data switch
            {
                "large mean" => 10_000 + (0.01 * value),
                "trend" => value + (10 * (i / SampleLength)),
                "constant" => 12_345.678 + step,
                "huge" => 1e30 * value,
                "tiny" => 1e-30 * value,
                _ => 0.3 + value,
            });
        }
        return input;
    }

    public Tensor<T> OutputGradient<T>(int step) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var gradient = new Tensor<T>(Shape);
        Values.Fill(gradient.Span, Seed + 100 + (ulong)step, 0.2);
        return gradient;
    }

    /// <summary>A rank's samples of a whole batch, in memory of their own.</summary>
    public Tensor<T> PartOf<T>(Tensor<T> whole, int rank) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(Slice(whole, rank).ToArray(), [Parts[rank], .. Shape[1..]]);

    public Span<T> Slice<T>(Tensor<T> whole, int rank) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        whole.Span.Slice(FirstSample(rank) * SampleLength, Parts[rank] * SampleLength);

    public override string ToString() =>
        $"{Normalization.Shape.Format(Shape)} in {string.Join(" + ", Parts.Select(static part => $"{part}"))}, {Data}{(HasAffine ? "" : ", plain")}";

    /// <summary>Any split: ranks may have nothing at all.</summary>
    private static int[] Split(Random random, int samples, int ranks)
    {
        int[] cuts = [0, .. Enumerable.Range(1, ranks - 1).Select(_ => random.Next(samples + 1)).Order(), samples];
        return [.. Enumerable.Range(0, ranks).Select(rank => cuts[rank + 1] - cuts[rank])];
    }
}
