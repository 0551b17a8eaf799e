using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// Passes on the transposed elements, in pooled memory: over the channels at each position of [n, c, s], which become rows.
/// </summary>
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
        using var turned = new Scratch<T>(x.Length);
        ToChannelsLast(plan, x, turned.Span);
        Launch.Forward(
            plan.Transposed, turned.Span, weight, bias, epsilon, statistics, hasFixedStatistics, y.IsEmpty ? default : turned.Span);
        if (!y.IsEmpty)
            ToChannelsFirst(plan, turned.Span, y);
    }

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

    /// <summary>[n, c, s] becomes [c, n, s].</summary>
    public static void ToChannels<T>(in Plan plan, ReadOnlySpan<T> source, Span<T> channels) where T : unmanaged =>
        Exchange(source, channels, plan.N, plan.C, plan.S);

    /// <summary>[c, n, s] becomes [n, c, s].</summary>
    public static void FromChannels<T>(in Plan plan, ReadOnlySpan<T> channels, Span<T> destination) where T : unmanaged =>
        Exchange(channels, destination, plan.C, plan.N, plan.S);

    /// <summary>[height, width, s] becomes [width, height, s].</summary>
    private static void Exchange<T>(ReadOnlySpan<T> source, Span<T> destination, nint height, nint width, nint s) where T : unmanaged
    {
        if (s == 1)
        {
            Run(source, destination, 1, height, width);
            return;
        }
        fixed (T* from = source, to = destination)
        {
            int degree = Partition.DegreeFor((long)source.Length * sizeof(T));
            Partition.For(new Exchanging<T>(from, to, height, width, s), height * width, degree);
        }
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            nint side = SquareBlock.SideOf<T>();
            for (nint item = start; item < end; item++)
            {
                nint sample = item / _bands * _height * _width, top = item % _bands * Tile, bottom = Math.Min(top + Tile, _height);
                T* source = _source + sample, destination = _destination + sample;
                // Whole tiles go by blocks; what is left at the right and at the bottom goes element by element.
                nint right = side > 1 && bottom - top == Tile ? _width - (_width % side) : 0;
                for (nint left = 0; left < right; left += side)
                {
                    for (nint row = top; row < bottom; row += side)
                    {
                        SquareBlock.Transpose(
                            source + (row * _width) + left, _width, destination + (left * _height) + row, _height);
                    }
                }
                for (nint left = right; left < _width; left += Tile)
                    Copy(source, destination, top, bottom, left, Math.Min(left + Tile, _width));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Copy(T* source, T* destination, nint top, nint bottom, nint left, nint right)
        {
            for (nint column = left; column < right; column++)
            {
                T* from = source + (top * _width) + column, to = destination + (column * _height) + top;
                for (nint row = top; row < bottom; row++, from += _width, to++)
                    *to = *from;
            }
        }
    }

    private readonly struct Exchanging<T>(T* source, T* destination, nint height, nint width, nint s) : IJob where T : unmanaged
    {
        private readonly T* _source = source;
        private readonly T* _destination = destination;
        private readonly nint _height = height;
        private readonly nint _width = width;
        private readonly nint _s = s;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(nint start, nint end)
        {
            for (nint slice = start; slice < end; slice++)
            {
                T* from = _source + (((slice % _height * _width) + (slice / _height)) * _s), to = _destination + (slice * _s);
                for (nint i = 0; i < _s; i++)
                    to[i] = from[i];
            }
        }
    }
}
