using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Simd;

/// <summary>How many elements of a vector a kernel may touch: all of them, or the few that are left at an end.</summary>
internal unsafe interface IAccess
{
    V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged;

    void Store<V, T>(T* destination, V value) where V : unmanaged, ISimd<V, T> where T : unmanaged;
}

/// <summary>Touches whole vectors.</summary>
internal readonly unsafe struct Whole : IAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged => V.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<V, T>(T* destination, V value) where V : unmanaged, ISimd<V, T> where T : unmanaged => V.Store(destination, value);
}

/// <summary>Touches the first <paramref name="count"/> elements.</summary>
internal readonly unsafe struct Part(nint count) : IAccess
{
    public nint Count { get; } = count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged => V.LoadPart(source, Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<V, T>(T* destination, V value) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.StorePart(destination, value, Count);
}
