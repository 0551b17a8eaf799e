using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>How many elements of a vector a kernel may touch: all of them, or the few that are left at an end.</summary>
internal unsafe interface IAccess
{
    V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged;

    V LoadCoefficients<V, T>(void* source, nint index) where V : unmanaged, ISimd<V, T> where T : unmanaged;
}

/// <summary>Touches whole vectors.</summary>
internal readonly unsafe struct Whole : IAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged => V.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V LoadCoefficients<V, T>(void* source, nint index) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.LoadCoefficients(source, index);
}

/// <summary>Touches the first <paramref name="count"/> elements; the other lanes read as zero.</summary>
internal readonly unsafe struct Part(nint count) : IAccess
{
    private readonly nint _count = count;

    public V Load<V, T>(T* source) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        Vector512<byte> buffer = default;
        for (nint i = 0; i < _count; i++)
            ((T*)&buffer)[i] = source[i];
        return V.Load((T*)&buffer);
    }

    public V LoadCoefficients<V, T>(void* source, nint index) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        int size = sizeof(V) / V.Count;
        Vector512<byte> buffer = default;
        for (nint i = 0; i < _count * size; i++)
            ((byte*)&buffer)[i] = ((byte*)source)[(index * size) + i];
        return V.LoadCoefficients(&buffer, 0);
    }

    public void Store<V, T>(T* destination, V value) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        Vector512<byte> buffer = default;
        V.Store((T*)&buffer, value);
        for (nint i = 0; i < _count; i++)
            destination[i] = ((T*)&buffer)[i];
    }
}
