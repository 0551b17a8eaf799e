using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>
/// Passes on the transposed elements, in pooled memory: over the channels at each position of [n, c, s], which become rows.
/// </summary>
internal static unsafe class Transposition
{
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        using Scratch<T> turned = new(x.Length), gradients = new(x.Length);
        ToChannelsLast(plan, x, turned.Span);
        ToChannelsLast(plan, dy, gradients.Span);
        Launch.Backward(
            plan.Transposed, turned.Span, gradients.Span, weight, statistics, hasFixedStatistics,
            gradients.Span, weightGradient, biasGradient);
        if (!dx.IsEmpty)
            ToChannelsFirst(plan, gradients.Span, dx);
    }

    /// <summary>[n, s, c] becomes [n, c, s].</summary>
    public static void ToChannelsFirst<T>(in Plan plan, ReadOnlySpan<T> source, Span<T> destination) where T : unmanaged =>
        Run(source, destination, plan.N, plan.S, plan.C);

    /// <summary>[n, c, s] becomes [n, s, c].</summary>
    public static void ToChannelsLast<T>(in Plan plan, ReadOnlySpan<T> source, Span<T> destination) where T : unmanaged =>
        Run(source, destination, plan.N, plan.C, plan.S);

    /// <summary>[n, height, width] becomes [n, width, height].</summary>
    public static void Run<T>(ReadOnlySpan<T> source, Span<T> destination, nint n, nint height, nint width) where T : unmanaged
    {
        nint bands = (height + Turning.Band - 1) / Turning.Band;
        fixed (T* from = source, to = destination)
            Partition.For(new Job<T>(from, to, height, width, bands), n * bands, Partition.DegreeFor((long)source.Length * sizeof(T)));
    }

    private readonly struct Job<T>(T* source, T* destination, nint height, nint width, nint bands) : IJob where T : unmanaged
    {
        private readonly T* _source = source;
        private readonly T* _destination = destination;
        private readonly nint _height = height;
        private readonly nint _width = width;
        private readonly nint _bands = bands;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            for (nint item = start; item < end; item++)
            {
                nint sample = item / _bands * _height * _width, top = item % _bands * Turning.Band;
                Turning.Run<T, Off>(
                    _source + sample + (top * _width), _width, _destination + sample + top, _height,
                    Math.Min(Turning.Band, _height - top), _width);
            }
        }
    }
}
