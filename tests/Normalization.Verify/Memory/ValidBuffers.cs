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
        Span<T> x = Place(0, geometry.Length), dy = Place(1, geometry.Length), weight = Place(2, geometry.C), bias = Place(3, geometry.C);
        Span<T> weights = Place(4, geometry.N * geometry.S);
        for (int i = 0; i < weights.Length; i++)
            weights[i] = T.CreateChecked(i % 3 == 2 ? 0 : 1 + (i % 2));
        Span<int> lengths = _lengths.Place(geometry.N, atEnd).Span;
        for (int i = 0; i < lengths.Length; i++)
            lengths[i] = geometry.S - (i % 2 == 0 ? 0 : geometry.S / 2);
        double[] mean = new double[plan.GroupCount], r = new double[plan.GroupCount];
        foreach (GuardedMemory<T> memory in _buffers.AsSpan(0, 5))
            memory.Allow(MemoryAccess.Read);
        foreach (bool hasWeights in (bool[])[true, false])
        {
            ForwardTerms<T> forward = new() { Weights = hasWeights ? weights : default, Lengths = hasWeights ? default : lengths };
            NormalizationPrimitives.FusedForward<T>(
                plan, x, weight, bias, 1e-5, forward, Activation.None, Place(5, geometry.Length), mean, r);
            BackwardTerms<T> backward = new() { Weights = forward.Weights, Lengths = forward.Lengths };
            NormalizationPrimitives.FusedGradient<T>(
                plan, x, dy, weight, bias, backward, Activation.None, Place(6, geometry.Length), Place(7, geometry.C), Place(8, geometry.C),
                mean, r);
        }
        foreach (GuardedMemory<T> memory in _buffers.AsSpan(0, 5))
            memory.Allow(MemoryAccess.ReadWrite);
        return 4;

        Span<T> Place(int index, int size)
        {
            Span<T> span = _buffers[index].Place(size, atEnd).Span;
            Values.Fill(span, (ulong)index + 1, center: 0.5);
            return span;
        }
    }

    public void Dispose()
    {
        foreach (GuardedMemory<T> memory in _buffers)
            ((IDisposable)memory).Dispose();
        ((IDisposable)_lengths).Dispose();
    }
}
