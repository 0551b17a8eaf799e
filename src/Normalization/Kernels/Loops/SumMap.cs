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

/// <summary>x + addend, rounded to the element type as if it were written.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Added<T>(T* x, T* addend) : ISource<Added<T>, T> where T : unmanaged
{
    private readonly T* _x = x;
    private readonly T* _addend = addend;

    public static int Arrays => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Added<T> At(nint offset) => new(_x + offset, _addend + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Load<V, TAccess>(nint i, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
    {
        V sum = access.Load<V, T>(_x + i) + access.Load<V, T>(_addend + i);
        return Rounded.Computes<V, T>() ? sum : Rounded.Round<V, T>(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Gather<TLanes>(nint step) where TLanes : unmanaged, ILanes<TLanes> =>
        TLanes.Round<T>(TLanes.GatherElements(_x, step) + TLanes.GatherElements(_addend, step));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i, bool isFar)
    {
        RawMemory.PrefetchFar(_x + i);
        RawMemory.PrefetchFar(_addend + i);
    }
}

/// <summary>
/// Writes a sum beside what another epilogue gives, in the order of memory: two outputs that go past the cache in one loop take no longer
/// than their bytes.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct SumEpilogue<T, TEpilogue>(Added<T> source, T* sum, bool isStreamed, TEpilogue next)
    : IEpilogue<SumEpilogue<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly Added<T> _source = source;
    private readonly T* _sum = sum;
    private readonly TEpilogue _next = next;

    // Vectors go past the cache; otherwise the sum does not begin at the same place of a cache line as the output.
    private readonly bool _isStreamed = isStreamed;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SumEpilogue<T, TEpilogue> At(nint offset) => new(_source.At(offset), _sum + offset, _isStreamed, _next.At(offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
    {
        V sum = _source.Load<V, TAccess>(i, access);
        if (typeof(TAccess) == typeof(Whole) && _isStreamed)
            V.StoreNonTemporal(_sum + i, sum);
        else
            access.Store(_sum + i, sum);
        return _next.Apply(i, value, access);
    }
}
