using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>Passes over the channels at each position of [n, c, s]: they run on the rows of [n, s, c], in pooled memory.</summary>
internal static unsafe class Transposition
{
    // A tile of doubles that is read along its rows and written along its columns stays in the first-level cache.
    private const int Tile = 16;

    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> y)
        where T : unmanaged
    {
        using var rows = new Scratch<T>(x.Length);
        ToRows(plan, x, rows.Span);
        Launch.Forward(
            plan.Transposed, rows.Span, weight, bias, epsilon, statistics, hasFixedStatistics, y.IsEmpty ? default : rows.Span);
        if (!y.IsEmpty)
            FromRows(plan, rows.Span, y);
    }

    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        using Scratch<T> rows = new(x.Length), gradients = new(x.Length);
        ToRows(plan, x, rows.Span);
        ToRows(plan, dy, gradients.Span);
        Launch.Backward(
            plan.Transposed, rows.Span, gradients.Span, weight, statistics, hasFixedStatistics: false,
            gradients.Span, weightGradient, biasGradient);
        FromRows(plan, gradients.Span, dx);
    }

    private static void ToRows<T>(in Plan plan, ReadOnlySpan<T> source, Span<T> rows) where T : unmanaged =>
        Run(source, rows, plan.N, plan.C, plan.S);

    private static void FromRows<T>(in Plan plan, ReadOnlySpan<T> rows, Span<T> destination) where T : unmanaged =>
        Run(rows, destination, plan.N, plan.S, plan.C);

    /// <summary>[n, height, width] becomes [n, width, height].</summary>
    public static void Run<T>(ReadOnlySpan<T> source, Span<T> destination, nint n, nint height, nint width) where T : unmanaged
    {
        nint bands = (height + Tile - 1) / Tile;
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(nint start, nint end)
        {
            for (nint item = start; item < end; item++)
            {
                nint sample = item / _bands * _height * _width, top = item % _bands * Tile, bottom = Math.Min(top + Tile, _height);
                for (nint left = 0; left < _width; left += Tile)
                {
                    for (nint column = left; column < Math.Min(left + Tile, _width); column++)
                    {
                        for (nint row = top; row < bottom; row++)
                            _destination[sample + (column * _height) + row] = _source[sample + (row * _width) + column];
                    }
                }
            }
        }
    }
}
