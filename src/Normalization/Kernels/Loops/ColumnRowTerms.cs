using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>One row of a reduction down the columns: column j's sum gains a, its product gains a · b.</summary>
internal interface IRowTerms<TSelf, V>
    where TSelf : struct, IRowTerms<TSelf, V>
{
    /// <summary>The same terms in the row that lies <paramref name="rows"/> below.</summary>
    TSelf Down(nint rows);

    /// <summary>What all rows share at element i.</summary>
    V Column(nint i);

    void At<TAccess>(nint i, in V column, TAccess access, out V a, out V b) where TAccess : struct, IAccess;

    /// <summary>Prefetches the cache line of element i, which need not exist.</summary>
    void Prefetch(nint i);
}

/// <summary>d and d², with d = x - pivot[j].</summary>
internal readonly unsafe struct MomentRow<T, W, TSource>(TSource x, nint stride, void* pivot) : IRowTerms<MomentRow<T, W, TSource>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
    where TSource : struct, ISource<TSource, T>
{
    private readonly TSource _x = x;
    private readonly nint _stride = stride;
    private readonly void* _pivot = pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentRow<T, W, TSource> Down(nint rows) => new(_x.At(rows * _stride), _stride, _pivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess =>
        a = b = _x.Load<W, TAccess>(i, access) - pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>dy - outputPivot[j] and (dy - outputPivot[j]) · (x - pivot[j]); the sums of floats need no pivot of dy.</summary>
internal readonly unsafe struct GradientRow<T, W>(T* x, T* dy, nint stride, void* pivot, void* outputPivot)
    : IRowTerms<GradientRow<T, W>, W>
    where T : unmanaged
    where W : unmanaged, ISimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly void* _pivot = pivot;
    private readonly void* _outputPivot = outputPivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientRow<T, W> Down(nint rows) => new(_x + (rows * _stride), _dy + (rows * _stride), _stride, _pivot, _outputPivot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Column(nint i) => W.LoadCoefficients(_pivot, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, in W pivot, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = access.Load<W, T>(_dy + i);
        if (typeof(T) == typeof(double))
            a -= W.LoadCoefficients(_outputPivot, i);
        b = access.Load<W, T>(_x + i) - pivot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}
