using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Simd;

/// <summary>
/// eˣ, tanh and erf of each lane, in the compute type of the vector, with an error of at most 2 units in the last place. All steps round
/// exactly as IEEE 754 says, so each lane has the same bits at every width and on every machine.
/// </summary>
internal static class Elementary
{
    private const double Log2E = 1.4426950408889634;

    // eˣ is 0 below these, and infinite above them.
    private const double LeastExponent = -104, MostExponent = 89, LeastDoubleExponent = -746, MostDoubleExponent = 710;

    // Below this tanh is a polynomial, from there on 1 - 2 / (e²ˣ + 1), whose subtraction then loses less than a bit.
    private const double SmallTanh = 0.55;

    // From here on erf rounds to 1.
    private const double LargestErf = 4, LargestDoubleErf = 6;

    /// <summary>
    /// What rounds to whole numbers where it is added: 1.5 units at which the last place of the compute type is 1. Subtracting it again
    /// gives the whole number.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Rounding<V, T>() where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Broadcast(IsFloat<V, T>() ? 12582912.0 : 6755399441055744.0);

    /// <summary>The smallest positive number of the compute type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Smallest<V, T>() where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Broadcast(IsFloat<V, T>() ? float.Epsilon : double.Epsilon);

    /// <summary>eˣ; 0 and infinity beyond the range, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        bool isFloat = IsFloat<V, T>();
        V most = V.Broadcast(isFloat ? MostExponent : MostDoubleExponent);
        V least = V.Broadcast(isFloat ? LeastExponent : LeastDoubleExponent);
        x = V.Select(V.GreaterThan(x, most), most, x);
        x = V.Select(V.GreaterThan(least, x), least, x);

        // eˣ = 2ⁿ · eʳ with |r| <= ln(2) / 2, and a polynomial for eʳ. The power of two is applied in two parts, of
        // which the first one is always normal and exact.
        V magic = Rounding<V, T>();
        V n = V.FusedMultiplyAdd(x, V.Broadcast(Log2E), magic) - magic;
        V r = V.FusedMultiplyAdd(n, V.Broadcast(isFloat ? -0.693147182464599609375 : -0.69314718055994530941723212145818), x);
        r = V.FusedMultiplyAdd(n, V.Broadcast(isFloat ? 1.9046543105574733e-9 : -2.3190468138462996e-17), r);
        V p = V.FusedMultiplyAdd(isFloat ? ExpFloat<V, T>(r) : ExpDouble<V, T>(r), r * r, r) + V.Broadcast(1);
        V half = V.FusedMultiplyAdd(n, V.Broadcast(0.5), magic);
        return p * V.PowerFromRounded(half) * V.PowerFromRounded(n - (half - magic) + magic);
    }

    /// <summary>tanh x; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V one = V.Broadcast(1), two = V.Broadcast(2), square = x * x;
        V magnitude = Abs<V, T>(x);
        V large = one - (two / (Exp<V, T>(two * magnitude) + one));
        V small = x * V.FusedMultiplyAdd(square, IsFloat<V, T>() ? TanhFloat<V, T>(square) : TanhDouble<V, T>(square), one);
        return V.Select(V.GreaterThan(V.Broadcast(SmallTanh), magnitude), small, WithSign<V, T>(large, x));
    }

    /// <summary>erf x = 2 / √π · ∫ e^(-t²) dt from 0 to x; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        bool isFloat = IsFloat<V, T>();
        V one = V.Broadcast(1), magnitude = Abs<V, T>(x), largest = V.Broadcast(isFloat ? LargestErf : LargestDoubleErf);
        V bounded = V.Select(V.GreaterThan(magnitude, largest), largest, magnitude), square = bounded * bounded;
        V small = x * (one + (isFloat ? ErfFloat<V, T>(square) : ErfDouble<V, T>(square)));

        // 1 - e^(-x²) · q(t), where t goes from -1 to 1. What x² loses by rounding goes into the product.
        V lost = V.FusedMultiplyAdd(bounded, bounded, V.Broadcast(0) - square);
        V t = isFloat
            ? V.FusedMultiplyAdd(bounded, V.Broadcast(2.0 / 3), V.Broadcast(-5.0 / 3))
            : V.FusedMultiplyAdd(bounded, V.Broadcast(0.4), V.Broadcast(-1.4));
        V power = Exp<V, T>(V.Broadcast(0) - square);
        power = V.FusedMultiplyAdd(power, V.Broadcast(0) - lost, power);
        V large = one - (power * (isFloat ? ErfcFloat<V, T>(t) : ErfcDouble<V, T>(t)));
        return V.Select(V.GreaterThan(one, magnitude), small, WithSign<V, T>(large, x));
    }

    /// <summary>|x|, for NaN the NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Abs<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Select(V.GreaterThan(V.Broadcast(0), x), V.Broadcast(0) - x, x);

    /// <summary>Whether the lanes are computed as floats; wide vectors over floats are not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe bool IsFloat<V, T>() where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        sizeof(V) == V.Count * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V WithSign<V, T>(V magnitude, V sign) where V : unmanaged, ISimd<V, T> where T : unmanaged =>
        V.Select(V.GreaterThan(V.Broadcast(0), sign), V.Broadcast(0) - magnitude, magnitude);

    /// <summary>(eʳ - 1 - r) / r² for |r| &lt;= ln(2) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpFloat<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(0.0013948747482716971);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.008368640985031817));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.041666234201653815));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.1666652149284107));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.5000000085717696));
    }

    /// <summary>(tanh(x) / x - 1) / x², by x² up to 0.55².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TanhFloat<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(-0.006280862053665697);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.021076535797867696));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.05385352337866757));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.13332597635552793));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.33333317849674426));
    }

    /// <summary>erf(x) / x - 1, by x² up to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfFloat<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(7.887244692554292e-05);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.0008020269874815492));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.005189469818974169));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.026854409810945418));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.11283599336511617));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.376126270611385));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.12837916590279064));
    }

    /// <summary>e^(x²) · (1 - erf(x)), by t, which goes from -1 to 1 over the range of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfcFloat<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(-0.0010712747894767389);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.0014638406458541496));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.002307951846607194));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0025513445471546208));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.004938214935607605));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.012755107435027705));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.027001328476664005));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.056091892347896695));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.11152396170458878));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.21080633933518764));
    }

    /// <summary>(eʳ - 1 - r) / r² for |r| &lt;= ln(2) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpDouble<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(2.5115654939588942e-08);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(2.763137449722132e-07));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(2.75572235653653e-06));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(2.480148963980123e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.00019841269908814203));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0013888888947362198));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.008333333333311432));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.04166666666651373));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.1666666666666669));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.5000000000000013));
    }

    /// <summary>(tanh(x) / x - 1) / x², by x² up to 0.55².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TanhDouble<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(-2.8492007034948526e-06);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(1.303469278885535e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-3.780737109939171e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(9.640876858782118e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.00023900743686093267));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0005900067752090874));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.0014558319059446668));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0035921278288903328));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.008863235518131606));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.02186948853572586));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.05396825396824472));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.13333333333333322));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.3333333333333333));
    }

    /// <summary>erf(x) / x - 1, by x² up to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfDouble<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(-1.7472152345029576e-14);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(4.11776379033773e-13));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-6.639448187747256e-12));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(9.412589336141954e-11));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-1.2289533497530326e-09));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(1.4807118096344e-08));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-1.636584067305762e-07));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(1.646211420697751e-06));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-1.4925650353828054e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.00012055332981695461));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.0008548327023449513));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.005223977625442175));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.026866170645131252));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.11283791670955126));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.37612638903183754));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.1283791670955126));
    }

    /// <summary>e^(x²) · (1 - erf(x)), by t, which goes from -1 to 1 over the range of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfcDouble<V, T>(V x) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        V sum = V.Broadcast(2.1673192339640048e-05);
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.00014400910291635218));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.00043106799014447686));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0007026167099718483));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0006006816033827754));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(4.827067004364529e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.00043382238886017404));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.0005056760785545258));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.00011202908062005793));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-4.307115091647448e-05));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.00032316361441281973));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.00039798166273683665));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.0008194422524196082));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.00153905299581335));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.002801373622161991));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.005028075148905331));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.008833548070533223));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.015182485380786852));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.025495560183976605));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.04176678856320771));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(0.06663208240531979));
        sum = V.FusedMultiplyAdd(sum, x, V.Broadcast(-0.10330894458364413));
        return V.FusedMultiplyAdd(sum, x, V.Broadcast(0.15529365560896294));
    }
}
