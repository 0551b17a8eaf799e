using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Memory;

/// <summary>Every buffer of a fused forward and backward and of second order, each between forbidden pages; what is only read is only readable.</summary>
internal sealed class FusedBuffers<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Inputs = 8;

    private readonly GuardedMemory<T>[] _inputs;
    private readonly GuardedMemory<T>[] _outputs;
    private readonly GuardedMemory<double> _mean;
    private readonly GuardedMemory<double> _reciprocalDeviation;

    public FusedBuffers(int capacity)
    {
        _inputs = [.. Enumerable.Range(0, Inputs).Select(_ => new GuardedMemory<T>(capacity))];
        _outputs = [.. Enumerable.Range(0, Inputs).Select(_ => new GuardedMemory<T>(capacity))];
        (_mean, _reciprocalDeviation) = (new(capacity), new(capacity));
    }

    /// <summary>Forward and backward with all terms, tangents, and backward through backward, with all buffers at one of the two ends.</summary>
    public int Run(Geometry geometry, bool atEnd, Activation activation, ChannelAxis axis = ChannelAxis.First)
    {
        (int length, int parameters, int groups) = (geometry.Length, geometry.ParameterCount, geometry.GroupCount);
        int coefficients = geometry.Length == 0 ? 0 : geometry.Coefficients[0] * geometry.Coefficients[1];
        if (geometry is { Kind: LayerKind.BatchNorm, ElementsPerGroup: 1 })
            return 0;
        bool hasBias = geometry.Kind != LayerKind.RmsNorm;
        NormalizationPlan plan = geometry.Kind switch
        {
            LayerKind.BatchNorm => NormalizationPlan.Batch(geometry.N, geometry.C, geometry.S, axis),
            LayerKind.LayerNorm => NormalizationPlan.Rows(geometry.N, geometry.S),
            LayerKind.RmsNorm => NormalizationPlan.Rows(geometry.N, geometry.S, subtractMean: false),
            _ => NormalizationPlan.Groups(geometry.N, geometry.C, geometry.S, geometry.Groups, axis),
        };
        ReadOnlySpan<T> x = Input(0, length), residual = Input(1, length), skip = Input(2, length), dy = Input(3, length);
        ReadOnlySpan<T> scale = Input(4, coefficients), shift = Input(5, coefficients), weight = Input(6, parameters);
        ReadOnlySpan<T> bias = Input(7, hasBias ? parameters : 0);
        Span<double> mean = _mean.Place(groups, atEnd).Span, r = _reciprocalDeviation.Place(groups, atEnd).Span;
        Span<T> sum = Output(0, length);
        NormalizationPrimitives.FusedForward<T>(
            plan, x, weight, bias, 1e-5,
            new ForwardTerms<T> { Residual = residual, Sum = sum, Skip = skip, Scale = scale, Shift = shift },
            activation, Output(1, length), mean, r);
        BackwardTerms<T> terms = new()
        {
            Skip = skip,
            Scale = scale,
            Shift = shift,
            SumGradient = residual,
            SkipGradient = Output(2, length),
            ScaleGradient = Output(3, coefficients),
            ShiftGradient = Output(4, coefficients),
        };
        NormalizationPrimitives.FusedGradient<T>(
            plan, sum, dy, weight, bias, terms, activation, Output(5, length), Output(6, parameters),
            Output(7, hasBias ? parameters : 0), mean, r);
        // The directions of γ and β are γ itself, which is only read.
        NormalizationPrimitives.ForwardTangent<T>(plan, sum, residual, weight, weight, weight, Output(1, length), mean, r);
        NormalizationPrimitives.DoubleBackward<T>(
            plan, sum, dy, weight,
            new DoubleBackwardTerms<T>
            {
                InputGradientGradient = residual,
                WeightGradientGradient = weight,
                BiasGradientGradient = weight,
                OutputGradientGradient = Output(1, length),
                InputGradient = Output(5, length),
                WeightGradient = Output(6, parameters),
            },
            mean, r);
        return 4;

        Span<T> Output(int index, int size) => _outputs[index].Place(size, atEnd).Span;

        ReadOnlySpan<T> Input(int index, int size)
        {
            Values.Fill(_inputs[index].Place(size, atEnd).Span, (ulong)index + 1, center: 0.5);
            return _inputs[index].Read(size, atEnd);
        }
    }

    public void Dispose()
    {
        foreach (GuardedMemory<T> memory in (GuardedMemory<T>[])[.. _inputs, .. _outputs])
            ((IDisposable)memory).Dispose();
        ((IDisposable)_mean).Dispose();
        ((IDisposable)_reciprocalDeviation).Dispose();
    }
}
