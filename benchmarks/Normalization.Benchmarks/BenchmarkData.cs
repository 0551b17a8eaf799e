using System.Numerics;

namespace Normalization.Benchmarks;

/// <summary>What is normalized.</summary>
internal static class BenchmarkData
{
    // To draw all of a large tensor takes longer than to time it. A prime, so that no two rows of a table are the same.
    private const int Period = 65_537;

    /// <summary>Normal numbers, the same ones again and again.</summary>
    public static Tensor<T> Normal<T>(ReadOnlySpan<int> shape, int seed)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> tensor = new(shape);
        Fill(tensor.Span, seed);
        return tensor;
    }

    public static void Fill<T>(Span<T> target, int seed)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> drawn = Tensor<T>.RandomNormal([Math.Min(Period, target.Length)], seed).Span;
        for (Span<T> rest = target; !rest.IsEmpty; rest = rest[Math.Min(Period, rest.Length)..])
            drawn[..Math.Min(Period, rest.Length)].CopyTo(rest);
    }
}
