using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>d twice, with d = x - pivot where the mask is set. What lies elsewhere, even a NaN, counts as 0.</summary>
internal readonly unsafe struct MaskedMomentTerms<T, W>(T* x, byte* mask, double pivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly W _pivot = W.Broadcast(pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        b = W.Keep(W.LoadMask(_mask + i), access.Load<W, T>(_x + i) - _pivot);
        a = b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>w · d and d, with d = x - pivot where w is above 0. What lies elsewhere, even a NaN, counts as 0.</summary>
internal readonly unsafe struct WeightedMomentTerms<T, W>(T* x, T* weights, double pivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _weights = weights;
    private readonly W _pivot = W.Broadcast(pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W weight = access.Load<W, T>(_weights + i);
        b = W.KeepPositive(weight, access.Load<W, T>(_x + i) - _pivot);
        a = weight * b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>dy - outputPivot and x - pivot, both 0 where the mask is not set.</summary>
internal readonly unsafe struct MaskedGradientTerms<T, W>(T* x, T* dy, byte* mask, double pivot, double outputPivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly byte* _mask = mask;
    private readonly W _pivot = W.Broadcast(pivot);
    private readonly W _outputPivot = W.Broadcast(outputPivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        W mask = W.LoadMask(_mask + i);
        a = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            a -= _outputPivot;
        a = W.Keep(mask, a);
        b = W.Keep(mask, access.Load<W, T>(_x + i) - _pivot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
