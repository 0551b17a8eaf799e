using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>x + addend.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct SumMap<T, V>(T* x, T* addend) : IMap<SumMap<T, V>, SumMap<T, V>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _addend = addend;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SumMap<T, V> Of(in SumMap<T, V> rows, nint row) => rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        access.Load<V, T>(_x + i) + access.Load<V, T>(_addend + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.PrefetchFar(_x + i);
        RawMemory.PrefetchFar(_addend + i);
    }
}

/// <summary>The same, which keeps the sum too, in memory with room for a vector more.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct KeptSumMap<T, V>(in SumMap<T, V> sum, T* kept) : IMap<KeptSumMap<T, V>, KeptSumMap<T, V>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly SumMap<T, V> _sum = sum;
    private readonly T* _kept = kept;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static KeptSumMap<T, V> Of(in KeptSumMap<T, V> rows, nint row) => rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        V sum = _sum.Invoke(i, column, access);
        V.Store(_kept + i, sum);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _sum.Prefetch(i);
}
