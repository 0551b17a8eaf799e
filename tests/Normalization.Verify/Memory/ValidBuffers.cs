using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Memory;

/// <summary>Every buffer of a pass in which only some positions count, each between forbidden pages.</summary>
internal sealed class ValidBuffers<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly GuardedMemory<T>[] _buffers;
    private readonly GuardedMemory<int> _lengths;

    public ValidBuffers(int capacity)
    {
        _buffers = [.. Enumerable.Range(0, 9).Select(_ => new GuardedMemory<T>(capacity))];
        _lengths = new(capacity);
    }

    /// <summary>Forward and backward, once with weights and once with lengths, with all buffers at one of the two ends.</summary>
    public int Run(Geometry geometry, bool atEnd, ChannelAxis axis)
    {
        if (geometry.Kind is LayerKind.LayerNorm or LayerKind.RmsNorm || geometry.Length == 0 || geometry.ElementsPerGroup == 1)
            return 0;
        NormalizationPlan plan = geometry.Kind == LayerKind.BatchNorm
            ? NormalizationPlan.Batch(geometry.N, geometry.C, geometry.S, axis)
            : NormalizationPlan.Groups(geometry.N, geometry.C, geometry.S, geometry.Groups, axis);
        ReadOnlySpan<T> x = Input(0, geometry.Length), dy = Input(1, geometry.Length);
        ReadOnlySpan<T> weight = Input(2, geometry.C), bias = Input(3, geometry.C);
        Span<T> ofPositions = _buffers[4].Place(geometry.N * geometry.S, atEnd).Span;
        for (int i = 0; i < ofPositions.Length; i++)
            ofPositions[i] = T.CreateChecked(i % 3 == 2 ? 0 : 1 + (i % 2));
        ReadOnlySpan<T> weights = _buffers[4].Read(geometry.N * geometry.S, atEnd);
        Span<int> ofSamples = _lengths.Place(geometry.N, atEnd).Span;
        for (int i = 0; i < ofSamples.Length; i++)
            ofSamples[i] = geometry.S - (i % 2 == 0 ? 0 : geometry.S / 2);
        ReadOnlySpan<int> lengths = _lengths.Read(geometry.N, atEnd);
        double[] mean = new double[plan.GroupCount], r = new double[plan.GroupCount];
        foreach (bool hasWeights in (bool[])[true, false])
        {
            ForwardTerms<T> forward = new() { Weights = hasWeights ? weights : default, Lengths = hasWeights ? default : lengths };
            NormalizationPrimitives.FusedForward<T>(
                plan, x, weight, bias, 1e-5, forward, Activation.None, Output(5, geometry.Length), mean, r);
            BackwardTerms<T> backward = new() { Weights = forward.Weights, Lengths = forward.Lengths };
            NormalizationPrimitives.FusedGradient<T>(
                plan, x, dy, weight, bias, backward, Activation.None, Output(6, geometry.Length), Output(7, geometry.C),
                Output(8, geometry.C), mean, r);
        }
        return 4;

        ReadOnlySpan<T> Input(int index, int size)
        {
            Values.Fill(_buffers[index].Place(size, atEnd).Span, (ulong)index + 1, center: 0.5);
            return _buffers[index].Read(size, atEnd);
        }

        Span<T> Output(int index, int size) => _buffers[index].Place(size, atEnd).Span;
    }

    public void Dispose()
    {
        foreach (GuardedMemory<T> memory in _buffers)
            ((IDisposable)memory).Dispose();
        ((IDisposable)_lengths).Dispose();
    }
}
