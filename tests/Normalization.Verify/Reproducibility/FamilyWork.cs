using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

/// <summary>What the rest of the family gives, hashed: what has no mean, no variance or no input of its own.</summary>
internal static class FamilyWork
{
    public static void Run<T>(IncrementalHash hash, HashSize size) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int[] lengths = size == HashSize.Tiny ? [1, 2, 17, 33] : [.. Enumerable.Range(1, 130)];
        foreach (int length in lengths)
        {
            foreach (double beta in (double[])[0.75, 0.5, 1, 0.6])
            {
                LocalResponse<T>(hash, 2, 7, length, 5, beta, 1);
                LocalResponse<T>(hash, 2, length, 1, 4, beta, 1);
            }
            LocalResponse<T>(hash, 3, length, 3, 9, 0.75, 1e12);
            Inverse<T>(hash, 2, 3, length);
            Renormalization<T>(hash, 3, 4, length);
            Weights<T>(hash, 3, length, 2);
            OtherAxis<T>(hash, 2, length, 5, groups: 1);
            OtherAxis<T>(hash, 3, 6, length + 1, groups: 3);
        }
        if (size != HashSize.Tiny)
        {
            LocalResponse<T>(hash, 9, 40, 1901, 5, 0.75, 1);
            LocalResponse<T>(hash, 4099, 67, 1, 5, 0.75, 1);
            LocalResponse<T>(hash, 9, 40, 501, 5, 0.3, 1);
            Inverse<T>(hash, 7, 33, 801);
            Renormalization<T>(hash, 9, 40, 501);
            Weights<T>(hash, 64, 128, 9);
            OtherAxis<T>(hash, 9, 48, 1501, groups: 6);
            OtherAxis<T>(hash, 2, 1500, 90, groups: 2);
            OtherAxis<T>(hash, 70, 17, 300, groups: 17);
        }
    }

    private static void LocalResponse<T>(IncrementalHash hash, int n, int c, int s, int size, double beta, double scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> x = Filled<T>(1, scale, n, c, s), dy = Filled<T>(2, 1, n, c, s);
        var layer = new LocalResponseNorm<T>(size, 0.3, beta) { EvenWindow = c % 2 == 0 ? EvenWindow.MoreBefore : EvenWindow.MoreAfter };
        Append(hash, layer.Forward(x));
        Append(hash, layer.Backward(dy));
    }

    /// <summary>The channels last, or of LayerNorm and RmsNorm first, with every term.</summary>
    private static void OtherAxis<T>(IncrementalHash hash, int n, int c, int s, int groups) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (NormalizationLayer<T> layer in (NormalizationLayer<T>[])
        [
            new BatchNorm1d<T>(c) { ChannelAxis = ChannelAxis.Last, Activation = Activation.Relu },
            new InstanceNorm1d<T>(c, affine: true, trackRunningStatistics: true) { ChannelAxis = ChannelAxis.Last },
            new GroupNorm<T>(groups, c) { ChannelAxis = ChannelAxis.Last, Activation = Activation.Silu },
            new LayerNorm<T>(c) { ChannelAxis = ChannelAxis.First },
            new RmsNorm<T>(c) { ChannelAxis = ChannelAxis.First },
        ])
        {
            int[] shape = layer is LayerNorm<T> or RmsNorm<T> ? [n, c, s] : [n, s, c];
            foreach (Parameter<T> parameter in layer.Parameters)
                Values.Fill(parameter.Value.Span, 5, center: 2);
            foreach (bool isTraining in (bool[])[true, false])
            {
                var context = new ForwardContext<T>();
                Tensor<T> output = Filled<T>(1, 1, shape), gradient = Filled<T>(2, 1, shape), scaleGradient = Filled<T>(3, 1, n, c);
                layer.Train(isTraining);
                layer.Forward(Filled<T>(4, 3, shape), output, new ForwardOptions<T>
                {
                    Context = context,
                    Scale = Filled<T>(5, 1, n, c),
                    Skip = Filled<T>(6, 1, shape),
                });
                layer.Backward(gradient, gradient, new BackwardOptions<T> { Context = context, ScaleGradient = scaleGradient });
                Append(hash, output);
                Append(hash, scaleGradient);
                AppendGradients(hash, layer, gradient);
            }
        }
    }

    private static void Inverse<T>(IncrementalHash hash, int n, int c, int s) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var layer = new InstanceNorm<T>(c, affine: true);
        Values.Fill(layer.Weight!.Value.Span, 5, center: 2);
        Values.Fill(layer.Bias!.Value.Span, 6);
        var context = new ForwardContext<T>();
        Tensor<T> x = Filled<T>(1, 3, n, c, 19), y = Filled<T>(2, 1, n, c, s), dx = Filled<T>(3, 1, n, c, s);
        layer.Forward(x, new(x.Shape), context);
        Append(hash, layer.Invert(y, context));
        layer.InvertBackward(y, dx, dx, context);
        AppendGradients(hash, layer, dx);
    }

    private static void Renormalization<T>(IncrementalHash hash, int n, int c, int s) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var layer = new BatchRenorm<T>(c) { WarmUpStart = 0, MaxScaleBatches = 2, MaxShiftBatches = 2 };
        Values.Fill(layer.Weight!.Value.Span, 5, center: 2);
        Tensor<T> x = Filled<T>(1, 3, n, c, s), dy = Filled<T>(2, 1, n, c, s);
        for (int step = 0; step < 3; step++)
        {
            Append(hash, layer.Forward(x));
            AppendGradients(hash, layer, layer.Backward(dy));
        }
        Append(hash, layer.RunningVariance!);
    }

    private static void Weights<T>(IncrementalHash hash, int rows, int columns, int inner) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Tensor<T> v = Filled<T>(1, 3, rows, columns, inner), dw = Filled<T>(2, 1, rows, columns, inner), weight = new(v.Shape), dv = new(v.Shape);
        foreach (int? dimension in (int?[])[0, 1, null])
        {
            int magnitudes = dimension is int index ? v.Shape[index] : 1;
            Tensor<T> g = Filled<T>(3, 2, magnitudes), dg = new(magnitudes);
            WeightNorm.Forward(v, g, weight, dimension);
            WeightNorm.Backward(v, g, dw, dv, dg, dimension);
            Append(hash, weight);
            Append(hash, dg);
        }
        Append(hash, dv);
        var spectral = new SpectralNorm<T>(v.Shape, powerIterations: 2);
        Values.Fill(spectral.LeftVector.Span, 4, center: 1);
        spectral.Forward(v, weight);
        spectral.Backward(v, dw, dv);
        Append(hash, weight);
        Append(hash, dv);
    }

    private static void AppendGradients<T>(IncrementalHash hash, NormalizationLayer<T> layer, Tensor<T> inputGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Append(hash, inputGradient);
        foreach (Parameter<T> parameter in layer.Parameters)
            Append(hash, parameter.Gradient);
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
