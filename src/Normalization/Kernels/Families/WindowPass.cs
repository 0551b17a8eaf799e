using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// LocalResponseNorm: forward, or backward where there is dy. Each tile goes through its channels once. Floats are computed as floats
/// where their squares are far from the ends of the range and the power is one of roots, and in double otherwise.
/// </summary>
internal static unsafe class WindowPass<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    // α · Σ x² of floats up to here leaves all that is computed of it in the range.
    private const double LargestSum = 1L << 40;

    public static void Run(in WindowLayout layout, T* x, T* dy, T* output)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = (int)Math.Min(Partition.DegreeFor(bytes), layout.Tiles);
        nint perWorker = WindowMemory<T>.Size(layout, dy != null);
        using var scratch = new Scratch<double>(WorkerScratch.Size(degree, perWorker));
        fixed (double* memory = scratch.Span)
        {
            bool isStreamed = Thresholds.IsStreamed(bytes * (dy != null ? 3 : 2), layout.LongestRow * sizeof(T));
            Partition.ForWorkers(new Job(layout, x, dy, output, new(memory, perWorker), isStreamed), layout.Tiles, degree);
        }
    }

    private readonly struct Job(in WindowLayout layout, T* x, T* dy, T* output, WorkerScratch scratch, bool isStreamed) : IWorkerJob
    {
        private readonly WindowLayout _layout = layout;
        private readonly T* _x = x;
        private readonly T* _dy = dy;
        private readonly T* _output = output;
        private readonly WorkerScratch _scratch = scratch;
        private readonly bool _isStreamed = isStreamed;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(nint start, nint end, int worker)
        {
            WindowMemory<T> memory = new(_layout, _scratch[worker], _dy != null);
            for (nint tile = start; tile < end; tile++)
            {
                (nint offset, nint length) = _layout[tile];
                T* dy = _dy == null ? null : _dy + offset;
                WindowTile<T> part = new(_layout, memory, _x + offset, dy, _output + offset, length, _isStreamed);
                if (typeof(T) == typeof(float) && _layout.Window.IsNarrow)
                    RunByRange(part);
                else
                    RunWide(part);
            }
        }

        /// <summary>
        /// Positions whose squares are small as floats, the others in double: what is computed at one position does not depend on the
        /// other positions.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void RunByRange(in WindowTile<T> tile)
        {
            ReadOnlySpan<T> sums = tile.SumSquares<V>();
            nint end;
            for (nint start = 0; start < tile.Length; start = end)
            {
                bool areSmall = AreSmall(sums, start);
                end = start + 1;
                while (end < tile.Length && AreSmall(sums, end) == areSmall)
                    end++;
                WindowTile<T> part = tile.Slice(start, end - start);
                if (!(areSmall && TryRoots<V>(part)))
                    RunWide(part);
            }
        }

        private static void RunWide(in WindowTile<T> tile)
        {
            if (!TryRoots<W>(tile))
                tile.Run<W, AnyPower<T, W>>();
        }

        private static bool TryRoots<U>(in WindowTile<T> tile) where U : unmanaged, ISimd<U, T>
        {
            switch (tile.Beta)
            {
                case 0.75:
                    tile.Run<U, ThreeQuarters<T, U>>();
                    return true;
                case 0.5:
                    tile.Run<U, SquareRoot<T, U>>();
                    return true;
                case 1:
                    tile.Run<U, Identical<U>>();
                    return true;
                default:
                    return false;
            }
        }

        /// <summary>Whether the sums of squares of a position are small. A NaN is not.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private bool AreSmall(ReadOnlySpan<T> sums, nint position)
        {
            if (!_layout.IsContiguous)
                return IsSmall(sums[(int)position]);
            foreach (T square in sums)
            {
                if (!IsSmall(square))
                    return false;
            }
            return true;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private bool IsSmall(T sum) => Element.ToDouble(sum) * _layout.Window.Alpha <= LargestSum;
    }
}

/// <summary>What one thread needs for a tile.</summary>
internal readonly unsafe struct WindowMemory<T> where T : unmanaged
{
    // Where a row is shorter than a vector, a whole vector is kept.
    private const int Room = RawMemory.LineBytes / sizeof(float);

    public WindowMemory(in WindowLayout layout, double* memory, bool isBackward)
    {
        RowLength = RowLengthOf(layout);
        RingLength = RingLengthOf(layout);
        Sums = (T*)memory;
        Copy = (T*)(memory + RowLength);
        Direct = (T*)(memory + RowLength + RingLength);
        Terms = isBackward ? memory + RowLength + (2 * RingLength) : null;
    }

    /// <summary>One row: the sums of squares of a column.</summary>
    public T* Sums { get; }

    /// <summary>Rows of x: those that an output over x has overwritten, or one row with zeros around it.</summary>
    public T* Copy { get; }

    /// <summary>Rows of dy / s^β.</summary>
    public T* Direct { get; }

    /// <summary>What the squares contribute, in the compute type.</summary>
    public void* Terms { get; }

    /// <summary>From a row of a ring to the next one.</summary>
    public nint RowLength { get; }

    public nint RingLength { get; }

    /// <summary>How many doubles to rent.</summary>
    public static nint Size(in WindowLayout layout, bool isBackward) =>
        RowLengthOf(layout) + (RingLengthOf(layout) * (isBackward ? 3 : 1));

    private static nint RowLengthOf(in WindowLayout layout) =>
        (nint)BitOperations.RoundUpToPowerOf2((nuint)Math.Max(Room, layout.IsContiguous ? layout.Channels : layout.LongestRow));

    /// <summary>A ring of as many rows as a window can have, or one row between as many zeros.</summary>
    private static nint RingLengthOf(in WindowLayout layout)
    {
        nint window = layout.Before + 1 + layout.After;
        return layout.IsContiguous
            ? RowLengthOf(layout) + window + Room
            : RowLengthOf(layout) * (nint)BitOperations.RoundUpToPowerOf2((nuint)window);
    }
}
