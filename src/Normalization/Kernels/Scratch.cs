using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

// Buffers on the stack are written before they are read; clearing them first would cost more than a small layer.
[module: SkipLocalsInit]

namespace Normalization.Kernels;

/// <summary>Pooled memory for intermediate results; its content is undefined.</summary>
internal readonly ref struct Scratch<TElement>(nint length) : IDisposable where TElement : unmanaged
{
    private readonly TElement[]? _array = ArrayPool<TElement>.Shared.Rent(checked((int)length));
    private readonly int _length = (int)length;

    public Span<TElement> Span => _array.AsSpan(0, _length);

    public void Dispose()
    {
        if (_array is not null)
            ArrayPool<TElement>.Shared.Return(_array);
    }
}

/// <summary>Orders stores that went past the cache before whatever tells another thread that they are done.</summary>
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
