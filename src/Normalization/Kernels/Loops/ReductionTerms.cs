using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>The terms of a reduction at element i: the sum gains a, the product gains a · b.</summary>
internal interface ITerms<W>
{
    void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess;

    /// <summary>Prefetches the cache line of element i, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>d and d², with d = x - pivot.</summary>
internal readonly struct MomentTerms<T, W, TSource>(TSource x, double pivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    private readonly TSource _x = x;
    private readonly W _pivot = W.Broadcast(pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess =>
        a = b = _x.Load<W, TAccess>(i, access) - _pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>dy - outputPivot and (dy - outputPivot) · (x - pivot); the sums of floats need no pivot of dy.</summary>
internal readonly unsafe struct GradientTerms<T, W>(T* x, T* dy, double pivot, double outputPivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly W _pivot = W.Broadcast(pivot);
    private readonly W _outputPivot = W.Broadcast(outputPivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            a -= _outputPivot;
        b = access.Load<W, T>(_x + i) - _pivot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}

/// <summary>weight · dy and weight · dy · (x - pivot).</summary>
internal readonly unsafe struct WeightedGradientTerms<T, W>(T* x, T* dy, T* weight, double pivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GradientTerms<T, W> _terms = new(x, dy, pivot, outputPivot: 0);
    private readonly T* _weight = weight;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        _terms.At(i, access, out a, out b);
        a *= access.Load<W, T>(_weight + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _terms.Prefetch(i);
}
