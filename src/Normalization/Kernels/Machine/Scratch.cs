using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

// Buffers on the stack are written before they are read; clearing them first would cost more than a small layer.
[module: SkipLocalsInit]

namespace Normalization.Kernels.Machine;

/// <summary>Pooled memory for intermediate results; its content is undefined.</summary>
/// <remarks>
/// The pool may wait for a lock. Where the thread is interrupted in this wait, the interrupt is kept for the next wait of its user.
/// </remarks>
internal readonly ref struct Scratch<TElement>(nint length) : IDisposable where TElement : unmanaged
{
    private readonly TElement[]? _array = Rent(checked((int)length));
    private readonly int _length = (int)length;

    public Span<TElement> Span => _array.AsSpan(0, _length);

    public void Dispose()
    {
        if (_array is not null)
            Return(_array);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static TElement[] Rent(int length)
    {
        bool isInterrupted = false;
        try
        {
            while (true)
            {
                try
                {
                    return ArrayPool<TElement>.Shared.Rent(length);
                }
                catch (ThreadInterruptedException)
                {
                    isInterrupted = true;
                }
            }
        }
        finally
        {
            if (isInterrupted)
                Thread.CurrentThread.Interrupt();
        }
    }

    private static void Return(TElement[] array)
    {
        try
        {
            ArrayPool<TElement>.Shared.Return(array);
        }
        catch (ThreadInterruptedException)
        {
            // The garbage collector frees an array that does not go back to the pool.
            Thread.CurrentThread.Interrupt();
        }
    }
}

/// <summary>Memory for each thread of a job. The part of each thread begins on a cache line.</summary>
internal readonly unsafe struct WorkerScratch(double* memory, nint length)
{
    private readonly double* _memory = RawMemory.AtLine(memory);
    private readonly nint _step = Step(length);

    /// <summary>The part of a thread, by the number of the thread.</summary>
    public double* this[int worker] => _memory + (worker * _step);

    /// <summary>How many doubles to rent for so many threads.</summary>
    public static nint Size(nint workers, nint length) => workers == 0 ? 0 : RawMemory.PaddedLength(workers * Step(length));

    private static nint Step(nint length) => RawMemory.PaddedLength(length) & -RawMemory.DoublesPerLine;
}

/// <summary>A fence between stores that went past the cache and the signal to another thread that they are done.</summary>
internal static class Fence
{
    public static void Publish()
    {
        if (Sse.IsSupported)
            Sse.StoreFence();
        else
            Thread.MemoryBarrier();
    }
}
