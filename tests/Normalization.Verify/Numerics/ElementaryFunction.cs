using Normalization.Kernels.Simd;

namespace Normalization.Verify.Numerics;

/// <summary>One of the library's own functions, with references of more digits.</summary>
/// <param name="Name">What the function is called.</param>
/// <param name="IsOdd">Whether f(-x) = -f(x).</param>
/// <param name="Reference">The value to about 2⁻⁵⁰, by which floats are judged.</param>
/// <param name="Exact">The value to about 2⁻⁹⁵, by which doubles are judged.</param>
internal sealed record ElementaryFunction(
    string Name, bool IsOdd, Func<double, double> Reference, Func<double, DoubleDouble> Exact)
{
    /// <summary>The terms of a series for arguments up to 6; the last one is below 2⁻¹¹⁰ of the sum.</summary>
    private const int ErfTerms = 220, ErfTermsOfFloats = 80;

    private static readonly DoubleDouble s_ln2 = (DoubleDouble)0.6931471805599453 + 2.3190468138462996e-17;
    private static readonly DoubleDouble s_twoOverSqrtPi = (DoubleDouble)1.1283791670955126 + 1.533545961316588e-17;

    public static ElementaryFunction[] All { get; } =
    [
        new("exp", false, Math.Exp, Exp),
        new("tanh", true, Math.Tanh, Tanh),
        new("erf", true, Erf, ExactErf),
    ];

    /// <summary>The function of each element, on vectors.</summary>
    public unsafe void Run<V, T>(ReadOnlySpan<T> x, Span<T> y) where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        fixed (T* from = x, to = y)
        {
            for (nint i = 0; i < x.Length; i += V.Count)
            {
                nint count = Math.Min(V.Count, x.Length - i);
                V value = V.LoadPart(from + i, count);
                V.StorePart(to + i, Name switch { "exp" => Elementary.Exp<V, T>(value), "tanh" => Elementary.Tanh<V, T>(value), _ => Elementary.Erf<V, T>(value) }, count);
            }
        }
    }

    /// <summary>All terms are positive, so none of them cancels another one.</summary>
    private static double Erf(double x)
    {
        if (!(Math.Abs(x) < 6))
            return double.IsNaN(x) ? x : Math.Sign(x);
        double square = x * x, term = x, sum = x;
        for (int n = 1; n < ErfTermsOfFloats && Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * square / ((2 * n) + 1);
            sum += term;
        }
        return 1.1283791670955126 * Math.Exp(-square) * sum;
    }

    private static DoubleDouble ExactErf(double x)
    {
        if (!(Math.Abs(x) < 6))
            return double.IsNaN(x) ? x : Math.Sign(x);
        DoubleDouble square = (DoubleDouble)x * x, term = x, sum = x;
        for (int n = 1; n < ErfTerms && Math.Abs(term.High) > 1e-34 * Math.Abs(sum.High); n++)
        {
            term = term * square * 2 / (DoubleDouble)((2 * n) + 1);
            sum += term;
        }
        return s_twoOverSqrtPi * Exp(-square) * sum;
    }

    private static DoubleDouble Tanh(double x)
    {
        // Below this the subtraction of the other form loses more digits than a reference has to spare.
        if (Math.Abs(x) < 0.05)
        {
            DoubleDouble square = (DoubleDouble)x * x, sum = 0;
            foreach (double[] quotient in (double[][])[[-929569, 638512875], [21844, 6081075], [-1382, 155925], [62, 2835], [-17, 315], [2, 15], [-1, 3], [1, 1]])
                sum = (sum * square) + ((DoubleDouble)quotient[0] / quotient[1]);
            return sum * x;
        }
        DoubleDouble power = Exp((DoubleDouble)x * 2);
        return Math.Abs(x) > 25 ? Math.Sign(x) : (power - 1) / (power + 1);
    }

    private static DoubleDouble Exp(double x) => Exp((DoubleDouble)x);

    /// <summary>eˣ = 2ⁿ · (e^(r / 2⁸))²⁵⁶, with a series for the last power.</summary>
    private static DoubleDouble Exp(DoubleDouble x)
    {
        if (!double.IsFinite(x.High) || Math.Abs(x.High) > 1000)
            return Math.Exp(x.High);
        double n = Math.Round(x.High / 0.6931471805599453);
        DoubleDouble r = (x - (s_ln2 * n)) * (1.0 / 256), term = 1, sum = 1;
        for (int k = 1; k < 16; k++)
        {
            term = term * r / (DoubleDouble)k;
            sum += term;
        }
        for (int i = 0; i < 8; i++)
            sum *= sum;
        return sum * Math.ScaleB(1, (int)n / 2) * Math.ScaleB(1, (int)n - ((int)n / 2));
    }
}
