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
        int coefficients = affine ? parameters : 0;
        Span<T> y = _y.Place(length, atEnd).Span, dx = _dx.Place(length, atEnd).Span;
        Span<T> dw = _weightGradient.Place(coefficients, atEnd).Span, db = _biasGradient.Place(coefficients, atEnd).Span;
        Span<double> mean = _mean.Place(groups, atEnd).Span, r = _reciprocalDeviation.Place(groups, atEnd).Span;
        Values.Fill(_x.Place(length, atEnd).Span, 1);
        Values.Fill(_dy.Place(length, atEnd).Span, 2);
        Values.Fill(_weight.Place(coefficients, atEnd).Span, 3, center: 1, spread: 0.5);
        Values.Fill(_bias.Place(coefficients, atEnd).Span, 4);
        ReadOnlySpan<T> x = _x.Read(length, atEnd), dy = _dy.Read(length, atEnd);
        ReadOnlySpan<T> weight = _weight.Read(coefficients, atEnd), bias = _bias.Read(coefficients, atEnd);
        Forward(geometry, x, weight, bias, y, mean, r, atEnd);
        Backward(geometry, x, dy, weight, dx, dw, db, _mean.Read(groups, atEnd), _reciprocalDeviation.Read(groups, atEnd));
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

    private void Forward(
        Geometry geometry, ReadOnlySpan<T> x, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, Span<T> y, Span<double> mean, Span<double> r,
        bool atEnd)
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
        Geometry geometry, ReadOnlySpan<T> x, ReadOnlySpan<T> dy, ReadOnlySpan<T> weight, Span<T> dx, Span<T> dw, Span<T> db,
        ReadOnlySpan<double> mean, ReadOnlySpan<double> r)
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

    private static int Moments(Geometry geometry, ReadOnlySpan<T> x, Span<double> mean, Span<double> variance)
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
