using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>activation(value + skip), each step rounded to the element type; a null skip adds nothing.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ActivationEpilogue<T, TActivation>(T* skip) : IEpilogue<ActivationEpilogue<T, TActivation>, T>
    where T : unmanaged
    where TActivation : IActivation
{
    private readonly T* _skip = skip;

    public static bool IsLong => TActivation.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ActivationEpilogue<T, TActivation> At(nint offset) => new(_skip == null ? null : _skip + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
    {
        if (!Rounded.Computes<V, T>())
            return Wide(value, _skip == null ? default : access.Load<V, T>(_skip + i));
        return TActivation.Apply<V, T>(_skip == null ? value : value + access.Load<V, T>(_skip + i));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private V Wide<V>(V value, V skip) where V : unmanaged, ISimd<V, T>
    {
        float* values = stackalloc float[Rounded.Room], skips = stackalloc float[Rounded.Room];
        V.Store((T*)values, value);
        V.Store((T*)skips, skip);
        for (int k = 0; k < V.Count; k += Float128.Count)
        {
            Float128 z = Float128.Load(values + k);
            Float128.Store(values + k, TActivation.Apply<Float128, float>(_skip == null ? z : z + Float128.Load(skips + k)));
        }
        return V.Load((T*)values);
    }
}

/// <summary>dy · (the slope of the activation at value + skip), each step rounded to the element type.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct GradientEpilogue<T, TActivation>(T* dy, T* skip) : IEpilogue<GradientEpilogue<T, TActivation>, T>
    where T : unmanaged
    where TActivation : IActivation
{
    private readonly T* _dy = dy;
    private readonly T* _skip = skip;

    public static bool IsLong => TActivation.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientEpilogue<T, TActivation> At(nint offset) => new(_dy + offset, _skip == null ? null : _skip + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
    {
        V gradient = access.Load<V, T>(_dy + i);
        if (!Rounded.Computes<V, T>())
            return Wide(value, _skip == null ? default : access.Load<V, T>(_skip + i), gradient);
        return TActivation.Gradient<V, T>(_skip == null ? value : value + access.Load<V, T>(_skip + i), gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private V Wide<V>(V value, V skip, V gradient) where V : unmanaged, ISimd<V, T>
    {
        float* values = stackalloc float[Rounded.Room], skips = stackalloc float[Rounded.Room], gradients = stackalloc float[Rounded.Room];
        V.Store((T*)values, value);
        V.Store((T*)skips, skip);
        V.Store((T*)gradients, gradient);
        for (int k = 0; k < V.Count; k += Float128.Count)
        {
            Float128 z = Float128.Load(values + k);
            z = _skip == null ? z : z + Float128.Load(skips + k);
            Float128.Store(values + k, TActivation.Gradient<Float128, float>(z, Float128.Load(gradients + k)));
        }
        return V.Load((T*)values);
    }
}

/// <summary>Wide vectors over floats compute in double. What follows the norm is computed in floats, as if the norm were written.</summary>
internal static unsafe class Rounded
{
    /// <summary>Room for the floats of the widest such vector.</summary>
    public const int Room = 8;

    /// <summary>Whether a vector computes in the element type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Computes<V, T>() where V : unmanaged, ISimd<V, T> where T : unmanaged => sizeof(V) == V.Count * sizeof(T);

    /// <summary>The numbers of a wide vector as elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Round<V, T>(V value) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        Values values;
        V.Store((T*)values.Elements, value);
        return V.Load((T*)values.Elements);
    }

    private struct Values
    {
        public fixed float Elements[Room];
    }
}
