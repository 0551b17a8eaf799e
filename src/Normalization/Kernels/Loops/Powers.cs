using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>A power of positive values.</summary>
internal interface IPower<TSelf, V>
{
    static abstract TSelf Create(double exponent);

    V Of(V value);
}

/// <summary>value^(3/4) of roots, each rounded once: within 2.5 units in the last place, with the same bits on every machine.</summary>
internal readonly struct ThreeQuarters<T, V> : IPower<ThreeQuarters<T, V>, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreeQuarters<T, V> Create(double exponent) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Of(V value)
    {
        V root = V.Sqrt(value);
        return root * V.Sqrt(root);
    }
}

/// <summary>value^(1/2).</summary>
internal readonly struct SquareRoot<T, V> : IPower<SquareRoot<T, V>, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SquareRoot<T, V> Create(double exponent) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Of(V value) => V.Sqrt(value);
}

/// <summary>value^1.</summary>
internal readonly struct Identical<V> : IPower<Identical<V>, V>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Identical<V> Create(double exponent) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Of(V value) => value;
}

/// <summary>
/// value^exponent of normal values, with exponents from 0 to 2, in doubles: the relative error is below 2⁻⁵⁰. An infinity gives an
/// infinity, and a NaN gives a NaN.
/// </summary>
/// <remarks>
/// With value = m · 2^e and m between √½ and √2: log₂ value = e + log₂ m, and log m = 2 · artanh t with t = (m - 1) / (m + 1), whose
/// series is cut where the next term is below 2⁻⁶⁰. exponent · e is taken with its rounding error, so that a large e costs no digits. The
/// whole part of exponent · log₂ value is an exponent, and the series of 2^f of the rest is cut where the next term is below 2⁻⁵⁷.
/// </remarks>
internal readonly struct AnyPower<T, W>(double exponent) : IPower<AnyPower<T, W>, W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    // Adding and subtracting it leaves the nearest whole number.
    private const double Rounding = 3L << 51;

    private const double Log2E = 1.4426950408889634;
    private const double Ln2 = 0.6931471805599453;

    private readonly W _exponent = W.Broadcast(exponent);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AnyPower<T, W> Create(double exponent) => new(exponent);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Of(W value)
    {
        W one = W.Broadcast(1), mantissa = W.Mantissa(value), exponent = W.Exponent(value);
        // √2 is where the mantissa is halved: 1 below it, 2 above it.
        W isAbove = Nearest((mantissa * W.Broadcast(0.5)) + W.Broadcast(0.5 - (Math.Sqrt(2) / 2)));
        W scaled = mantissa * (one - (isAbove * W.Broadcast(0.5)));
        exponent += isAbove;
        W log = Log2(scaled);
        W whole = _exponent * exponent;
        W rest = W.FusedMultiplyAdd(_exponent, exponent, W.Broadcast(0) - whole);
        W nearest = Nearest(W.FusedMultiplyAdd(_exponent, log, whole));
        W fraction = W.FusedMultiplyAdd(_exponent, log, whole - nearest + rest);
        W half = Nearest(nearest * W.Broadcast(0.5));
        W power = Exp2(fraction) * W.PowerOfTwo(half) * W.PowerOfTwo(nearest - half);
        // The product is far below the last place of the power, unless the value is not finite.
        return W.FusedMultiplyAdd(value, W.Broadcast(double.ScaleB(1, -1022)), power);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static W Nearest(W value) => value + W.Broadcast(Rounding) - W.Broadcast(Rounding);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static W Log2(W mantissa)
    {
        W one = W.Broadcast(1), t = (mantissa - one) / (mantissa + one), square = t * t;
        W series = W.Broadcast(2.0 / 21);
        for (int odd = 19; odd >= 3; odd -= 2)
            series = W.FusedMultiplyAdd(series, square, W.Broadcast(2.0 / odd));
        return W.FusedMultiplyAdd(series * square, t, t + t) * W.Broadcast(Log2E);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static W Exp2(W fraction)
    {
        W x = fraction * W.Broadcast(Ln2), one = W.Broadcast(1), series = one;
        for (int i = 13; i >= 1; i--)
            series = W.FusedMultiplyAdd(series * x, W.Broadcast(1.0 / i), one);
        return series;
    }
}
