using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

/// <summary>What passes give in which only some positions count, hashed.</summary>
internal static class MaskedWork
{
    public static void Run<T>(IncrementalHash hash, HashSize size) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (int length in (int[])(size == HashSize.Tiny ? [1, 2, 17, 33] : [.. Enumerable.Range(1, 70), 255, 256, 257, 301]))
        {
            Run<T>(hash, new BatchNorm1d<T>(5), 4, 5, length);
            Run<T>(hash, new InstanceNorm<T>(4), 4, 4, length + 2);
            Run<T>(hash, new GroupNorm<T>(2, 6), 4, 6, length);
        }
        if (size == HashSize.Tiny)
            return;
        Run<T>(hash, new BatchNorm1d<T>(67), 9, 67, 501);
        Run<T>(hash, new BatchNorm1d<T>(67), 2003, 67, 1);
        Run<T>(hash, new InstanceNorm<T>(33), 7, 33, 1201);
        Run<T>(hash, new GroupNorm<T>(3, 6), 3, 6, 20_003);
    }

    private static void Run<T>(IncrementalHash hash, NormalizationLayer<T> layer, int n, int c, int s)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (layer.Weight is not null)
            Values.Fill(layer.Weight.Value.Span, 5, center: 2);
        int[] shape = layer is BatchNorm1d<T> && s == 1 ? [n, c] : [n, c, s];
        Tensor<T> x = Filled<T>(1, 3, shape), dy = Filled<T>(2, 1, shape), weights = Filled<T>(3, 1, n, s), y = new(shape), dx = new(shape);
        foreach (ref T weight in weights.Span)
            weight = weight < T.Zero ? T.Zero : weight;
        // Two values at least, where they are of one sample.
        weights.Span[..Math.Min(2, s)].Fill(T.One);
        weights.Span[^Math.Min(2, s)..].Fill(T.One);
        for (int sample = 0; sample < n && s > 1; sample++)
        {
            Span<T> own = weights.Span.Slice(sample * s, s);
            if (own.ToArray().Count(static weight => weight > T.Zero) == 1)
                own.Clear();
        }
        int[] lengths = [.. Enumerable.Range(0, n).Select(sample => sample % 3 == 1 ? 0 : Math.Max(Math.Min(2, s), s - sample))];
        bool[] mask = [.. weights.Span.ToArray().Select(static weight => weight > T.Zero)];
        foreach (ForwardOptions<T> options in (ForwardOptions<T>[])[new() { Lengths = lengths }, new() { Mask = mask }, new() { Weights = weights }])
        {
            var context = new ForwardContext<T>();
            layer.ZeroGradients();
            layer.Forward(x, y, options with { Context = context });
            layer.Backward(dy, dx, context);
            Append(hash, y);
            Append(hash, dx);
            foreach (Parameter<T> parameter in layer.Parameters)
                Append(hash, parameter.Gradient);
        }
    }

    private static Tensor<T> Filled<T>(ulong seed, double spread, params ReadOnlySpan<int> shape)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var tensor = new Tensor<T>(shape);
        Values.Fill(tensor.Span, seed, spread: spread);
        return tensor;
    }

    private static void Append<T>(IncrementalHash hash, Tensor<T> tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        hash.AppendData(MemoryMarshal.AsBytes<T>(tensor.Span));
}
