using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Memory;

/// <summary>Every buffer of a forward and a backward, each between forbidden pages, and the calls of the primitives on them.</summary>
internal sealed class GuardedBuffers<T>(int capacity, int parameterCapacity) : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly GuardedMemory<T> _x = new(capacity);
    private readonly GuardedMemory<T> _dy = new(capacity);
    private readonly GuardedMemory<T> _y = new(capacity);
    private readonly GuardedMemory<T> _dx = new(capacity);
    private readonly GuardedMemory<T> _weight = new(parameterCapacity);
    private readonly GuardedMemory<T> _bias = new(parameterCapacity);
    private readonly GuardedMemory<T> _weightGradient = new(parameterCapacity);
    private readonly GuardedMemory<T> _biasGradient = new(parameterCapacity);
    private readonly GuardedMemory<T> _runningMean = new(parameterCapacity);
    private readonly GuardedMemory<T> _runningVariance = new(parameterCapacity);
    private readonly GuardedMemory<double> _mean = new(parameterCapacity);
    private readonly GuardedMemory<double> _reciprocalDeviation = new(parameterCapacity);

    /// <summary>All primitives of one geometry, with all buffers at one of the two ends; what is only read is only readable.</summary>
    public int Run(Geometry geometry, bool atEnd, bool affine)
    {
        (int length, int parameters, int groups) = (geometry.Length, geometry.ParameterCount, geometry.GroupCount);
        Span<T> x = _x.Place(length, atEnd).Span, y = _y.Place(length, atEnd).Span;
        Span<T> dy = _dy.Place(length, atEnd).Span, dx = _dx.Place(length, atEnd).Span;
        Span<T> weight = affine ? _weight.Place(parameters, atEnd).Span : default, bias = affine ? _bias.Place(parameters, atEnd).Span : default;
        Span<T> dw = affine ? _weightGradient.Place(parameters, atEnd).Span : default;
        Span<T> db = affine ? _biasGradient.Place(parameters, atEnd).Span : default;
        Span<double> mean = _mean.Place(groups, atEnd).Span, r = _reciprocalDeviation.Place(groups, atEnd).Span;
        Values.Fill(x, 1);
        Values.Fill(dy, 2);
        Values.Fill(weight, 3, center: 1, spread: 0.5);
        Values.Fill(bias, 4);
        AllowInputs(MemoryAccess.Read);
        Forward(geometry, x, weight, bias, y, mean, r, atEnd);
        _mean.Allow(MemoryAccess.Read);
        _reciprocalDeviation.Allow(MemoryAccess.Read);
        Backward(geometry, x, dy, weight, dx, dw, db, mean, r);
        AllowInputs(MemoryAccess.ReadWrite);
        _mean.Allow(MemoryAccess.ReadWrite);
        _reciprocalDeviation.Allow(MemoryAccess.ReadWrite);
        // The moments, into the memory of the statistics.
        return 2 + Moments(geometry, x, mean, r);
    }

    public void Dispose()
    {
        foreach (GuardedMemory<T> memory in (GuardedMemory<T>[])[_x, _dy, _y, _dx, _weight, _bias, _weightGradient, _biasGradient, _runningMean, _runningVariance])
            ((IDisposable)memory).Dispose();
        ((IDisposable)_mean).Dispose();
        ((IDisposable)_reciprocalDeviation).Dispose();
    }

    private void AllowInputs(MemoryAccess access)
    {
        _x.Allow(access);
        _dy.Allow(access);
        _weight.Allow(access);
        _bias.Allow(access);
    }

    private void Forward(
        Geometry geometry, Span<T> x, Span<T> weight, Span<T> bias, Span<T> y, Span<double> mean, Span<double> r, bool atEnd)
    {
        (int n, int c, int s) = (geometry.N, geometry.C, geometry.S);
        switch (geometry.Kind)
        {
            case LayerKind.LayerNorm:
                NormalizationPrimitives.LayerNormForward<T>(x, n, s, weight, bias, 1e-5, y, mean, r);
                break;
            case LayerKind.RmsNorm:
                NormalizationPrimitives.RmsNormForward<T>(x, n, s, weight, 1e-5, y, r);
                break;
            case LayerKind.BatchNorm:
                Span<T> runningMean = _runningMean.Place(c, atEnd).Span, runningVariance = _runningVariance.Place(c, atEnd).Span;
                runningVariance.Fill(T.One);
                if (geometry.ElementsPerGroup != 1)
                {
                    NormalizationPrimitives.BatchNormForward<T>(
                        x, n, c, s, weight, bias, 1e-5, y, mean, r, runningMean, runningVariance, 0.1);
                }
                NormalizationPrimitives.BatchNormInference<T>(x, n, c, s, weight, bias, 1e-5, y, runningMean, runningVariance);
                break;
            default:
                NormalizationPrimitives.GroupNormForward<T>(x, n, c, s, geometry.Groups, weight, bias, 1e-5, y, mean, r);
                break;
        }
    }

    private static void Backward(
        Geometry geometry, Span<T> x, Span<T> dy, Span<T> weight, Span<T> dx, Span<T> dw, Span<T> db, Span<double> mean, Span<double> r)
    {
        (int n, int c, int s) = (geometry.N, geometry.C, geometry.S);
        switch (geometry.Kind)
        {
            case LayerKind.LayerNorm:
                NormalizationPrimitives.LayerNormGradient<T>(x, dy, n, s, weight, dx, dw, db, mean, r);
                break;
            case LayerKind.RmsNorm:
                NormalizationPrimitives.RmsNormGradient<T>(x, dy, n, s, weight, dx, dw, r);
                break;
            case LayerKind.BatchNorm:
                NormalizationPrimitives.BatchNormGradient<T>(x, dy, n, c, s, weight, dx, dw, db, mean, r);
                NormalizationPrimitives.BatchNormInferenceGradient<T>(x, dy, n, c, s, weight, dx, dw, db, mean, r);
                break;
            default:
                NormalizationPrimitives.GroupNormGradient<T>(x, dy, n, c, s, geometry.Groups, weight, dx, dw, db, mean, r);
                break;
        }
    }

    private static int Moments(Geometry geometry, Span<T> x, Span<double> mean, Span<double> variance)
    {
        (int n, int c, int s) = (geometry.N, geometry.C, geometry.S);
        if (geometry.Kind == LayerKind.BatchNorm)
            NormalizationPrimitives.BatchNormMoments<T>(x, n, c, s, mean, variance);
        else if (geometry.IsRows)
            NormalizationPrimitives.LayerNormMoments<T>(x, n, s, mean, variance);
        else
            NormalizationPrimitives.GroupNormMoments<T>(x, n, c, s, geometry.Groups, mean, variance);
        return 1;
    }
}
