using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>A function of single values, and the gradient that goes back through it.</summary>
internal interface IActivation
{
    /// <summary>Whether it takes so many instructions that a loop has it only once.</summary>
    static virtual bool IsLong => true;

    static abstract V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged;

    /// <summary>dy · (the slope at z).</summary>
    static abstract V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged;
}

internal readonly struct NoActivation : IActivation
{
    public static bool IsLong => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged => z;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged => dy;
}

/// <summary>max(0, z). No value lies between 0 and the smallest positive one, and NaN is not less than that one.</summary>
internal readonly struct ReluActivation : IActivation
{
    public static bool IsLong => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged => Gradient<V, T>(z, z);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Select(V.GreaterThan(Elementary.Smallest<V, T>(), z), V.Broadcast(0), dy);
}

/// <summary>z · σ(z) with the logistic function σ(z) = 1 / (1 + e⁻ᶻ).</summary>
internal readonly struct SiluActivation : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        z / (V.Broadcast(1) + Elementary.Exp<V, T>(V.Broadcast(0) - z));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V one = V.Broadcast(1), logistic = one / (one + Elementary.Exp<V, T>(V.Broadcast(0) - z));
        return dy * (logistic * V.FusedMultiplyAdd(z, one - logistic, one));
    }
}

/// <summary>z · Φ(z) with the distribution function Φ(z) = (1 + erf(z / √2)) / 2 of the normal distribution.</summary>
internal readonly struct GeluActivation : IActivation
{
    private const double SqrtHalf = 0.70710678118654752, Density = 0.39894228040143268;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged => z * Distribution<V, T>(z);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V density = V.Broadcast(Density) * Elementary.Exp<V, T>(V.Broadcast(-0.5) * z * z);
        return dy * V.FusedMultiplyAdd(z, density, Distribution<V, T>(z));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Distribution<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V half = V.Broadcast(0.5);
        return V.FusedMultiplyAdd(half, Elementary.Erf<V, T>(V.Broadcast(SqrtHalf) * z), half);
    }
}

/// <summary>The same with tanh in the place of erf: Φ(z) is about (1 + tanh(√(2/π) · (z + 0.044715 · z³))) / 2.</summary>
internal readonly struct GeluTanhActivation : IActivation
{
    private const double Slope = 0.79788456080286536, Cubic = 0.044715;

    // Beyond it tanh is 1 whatever z is, and its argument is kept finite.
    private const double Bound = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V half = V.Broadcast(0.5), bounded = Bounded<V, T>(z);
        return z * V.FusedMultiplyAdd(half, Elementary.Tanh<V, T>(Inner<V, T>(bounded)), half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gradient<V, T>(V z, V dy) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V one = V.Broadcast(1), half = V.Broadcast(0.5), bounded = Bounded<V, T>(z), tanh = Elementary.Tanh<V, T>(Inner<V, T>(bounded));
        V innerSlope = V.Broadcast(Slope) * V.FusedMultiplyAdd(V.Broadcast(3 * Cubic), bounded * bounded, one);
        V slope = half * V.FusedMultiplyAdd(V.Broadcast(0) - tanh, tanh, one) * innerSlope;
        return dy * V.FusedMultiplyAdd(z, slope, V.FusedMultiplyAdd(half, tanh, half));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Inner<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Broadcast(Slope) * z * V.FusedMultiplyAdd(V.Broadcast(Cubic), z * z, V.Broadcast(1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Bounded<V, T>(V z) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V most = V.Broadcast(Bound), least = V.Broadcast(-Bound);
        z = V.Select(V.GreaterThan(z, most), most, z);
        return V.Select(V.GreaterThan(least, z), least, z);
    }
}
