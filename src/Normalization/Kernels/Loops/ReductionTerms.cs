using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>The terms of a reduction at element i: the sum gains a, the product gains a · b.</summary>
internal interface ITerms<W>
{
    void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess;

    /// <summary>Prefetches the cache line of element i, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>The terms of several groups, in float and in double.</summary>
internal interface IGroupTerms<TNarrow, TWide>
{
    TNarrow NarrowAt(nint group);

    TWide WideAt(nint group);
}

/// <summary>d and d², with d = x - pivot, or with d = x where the terms are not centered.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct MomentTerms<T, W, TSource, TCentered>(TSource x, double pivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
    where TSource : struct, ISource<TSource, T>
    where TCentered : struct, IFlag
{
    private readonly TSource _x = x;
    private readonly W _pivot = W.Broadcast(pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = _x.Load<W, TAccess>(i, access);
        if (TCentered.Value)
            a -= _pivot;
        b = a;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>The terms of groups that lie a stride apart, each about the pivot in its result.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct MomentGroups<T, V, W, TSource, TCentered>(TSource first, nint stride, Sums* pivots)
    : IGroupTerms<MomentTerms<T, V, TSource, TCentered>, MomentTerms<T, W, TSource, TCentered>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
    where TCentered : struct, IFlag
{
    private readonly TSource _first = first;
    private readonly nint _stride = stride;
    private readonly Sums* _pivots = pivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentTerms<T, V, TSource, TCentered> NarrowAt(nint group) => new(_first.At(group * _stride), _pivots[group].Pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentTerms<T, W, TSource, TCentered> WideAt(nint group) => new(_first.At(group * _stride), _pivots[group].Pivot);
}

/// <summary>dy - outputPivot and (dy - outputPivot) · (x - pivot); the sums of floats need no pivot of dy.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct GradientTerms<T, W>(T* x, T* dy, double pivot, double outputPivot) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
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

/// <summary>The terms of groups of floats that lie a stride apart, all about one pivot.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct GradientGroups<T, V, W>(T* x, T* dy, nint stride, double pivot)
    : IGroupTerms<GradientTerms<T, V>, GradientTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;

    public double Pivot { get; } = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* Input(nint group) => _x + (group * _stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* OutputGradient(nint group) => _dy + (group * _stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientTerms<T, V> NarrowAt(nint group) => new(Input(group), OutputGradient(group), Pivot, outputPivot: 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientTerms<T, W> WideAt(nint group) => new(Input(group), OutputGradient(group), Pivot, outputPivot: 0);
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
